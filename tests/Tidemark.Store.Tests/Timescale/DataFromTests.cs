using Tidemark.Store.Tests.Conformance;
using Tidemark.Store.Tests.DuckDb;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Answers from raw readings say from when on retention has left them, on every engine.</summary>
public sealed class DataFromTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public Task The_embedded_engine_says_where_raw_readings_begin() => CheckAsync(new DuckDbFixture());

    [Fact]
    public Task TimescaleDB_says_where_raw_readings_begin() => CheckAsync(new TimescaleFixture());

    private static async Task CheckAsync(IStoreFixture fixture)
    {
        await using var _ = fixture;
        fixture.Clock.SetUtcNow(new DateTimeOffset(2026, 2, 10, 6, 0, 0, TimeSpan.Zero));
        var store = await fixture.OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(2) }, Token);
        await using var served = await ServedStore.StartAsync(store, fixture.Clock);
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        for (var time = Instant.Utc(2026, 2, 1); time < Instant.Utc(2026, 2, 10); time += TimeSpan.FromHours(6))
        {
            batch.Add("a", time, [1, 2]);
        }

        await store.WriteAsync(batch, Token);
        Assert.Equal((36, (string?)null), await AskAsync("/api/sensors/a/raw?period=1y"));
        Assert.Equal((9, null), await AskAsync("/api/fleet/daily?period=1y&source=raw"));

        await store.RetainAsync(Token);
        const string Horizon = "2026-02-08T00:00:00Z";
        Assert.Equal((8, Horizon), await AskAsync("/api/sensors/a/raw?period=1y"));
        Assert.Equal((8, Horizon), await AskAsync("/api/sensors/a/raw?from=0001-01-01T00:00:00Z"));
        Assert.Equal((0, Horizon), await AskAsync("/api/sensors/a/raw?from=2026-02-01T00:00:00Z&to=2026-02-02T00:00:00Z"));
        Assert.Equal((8, null), await AskAsync($"/api/sensors/a/raw?from={Horizon}"));
        Assert.Equal((2, Horizon), await AskAsync("/api/fleet/daily?period=1y&source=raw"));
        Assert.Equal((2, null), await AskAsync($"/api/fleet/daily?from={Horizon}&source=raw"));
        Assert.Equal((9, null), await AskAsync("/api/fleet/daily?period=1y"));
        Assert.Equal(Horizon, (await served.GetAsync("/api/stats/performance")).Body["data_from"]?.GetValue<string>());

        async Task<(int Points, string? From)> AskAsync(string path)
        {
            var (status, answer) = await served.GetAsync(path);
            Assert.Equal(200, status);
            return (answer["data_points"]!.GetValue<int>(), answer["data_from"]?.GetValue<string>());
        }
    }
}
