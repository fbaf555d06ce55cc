using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 12: a question about several sensors over time.</summary>
public abstract partial class SeriesSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    [Fact]
    public async Task An_aggregates_buckets_are_given_as_they_are()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1, 5), At("2026-03-08T10:30Z", 4), At("2026-03-09T10:00Z", 7), At("2026-03-08T10:00Z", 9, sensor: "b"));
        await RefreshAllAsync();
        var query = Query("hourly", "2026-03-08", "2026-03-10") with { Functions = [SeriesFunction.Max, SeriesFunction.Avg] };
        await using var reader = await Store.ReadSeriesAsync(query, Token);
        Assert.Equal(("hourly", "1 hour"), (reader.Source, reader.Bucket));
        var series = await reader.ToListAsync(Token);
        Assert.Equal(["max_temperature", "avg_temperature", "max_humidity", "avg_humidity"], series[0].Columns);
        Assert.Equal(
            ["03-08 10:00 ×2 4 2.5 5 5", "03-09 10:00 ×1 7 7 NaN NaN"],
            series[0].Points.Select(p => p.ToString()));
    }

    protected SeriesQuery Query(string bucket, string from, string to)
    {
        Assert.True(SeriesBucket.TryParse(bucket, Store.Schema, out var parsed, out var error), error);
        return new SeriesQuery { Sensors = ["a"], Range = Range(from, to), Now = Instant.From(Clock.GetUtcNow()), Bucket = parsed };
    }
}
