using Tidemark.Schema;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A row of a continuous aggregate has to fit into a page of the database: what wouldn't is refused before anything is written.
/// </summary>
public sealed class MetricLimitTests : IAsyncLifetime
{
    private readonly TimescaleFixture _fixture = new();
    private TimescaleDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = await TimescaleDatabase.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(190, 0)]
    [InlineData(189, 5)]
    public async Task As_many_metrics_as_fit_are_kept_in_every_aggregate(int metrics, int extra)
    {
        _fixture.Clock.SetUtcNow(new DateTimeOffset(2026, 4, 2, 0, 0, 0, TimeSpan.Zero));
        await using var store = await OpenAsync(metrics, extra);
        await store.InitializeAsync(Token);
        var batch = new ReadingBatch(store.Schema.MetricNames);
        foreach (var time in new[] { Instant.Utc(2026, 3, 1), Instant.Utc(2026, 3, 31, 23) })
        {
            batch.Add(new string('€', 50), time, [.. Enumerable.Range(0, metrics).Select(i => i + 0.1)]);

            // A null costs a row more than it saves: then it has a bit for each value.
            batch.Add(new string('s', 50), time, [double.NaN, .. Enumerable.Range(1, metrics - 1).Select(i => i + 0.1)]);
        }

        await store.WriteAsync(batch, Token);
        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, Token);
        }

        Assert.All((await store.ReadStatusAsync(Token)).Aggregates, a => Assert.NotEqual(0, a.Rows));
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
    }

    [Theory]
    [InlineData(191, 0, "'hourly' would have 955 values")]
    [InlineData(190, 1, "'peak' would have 951 values")]
    [InlineData(1000, 0, "'hourly' would have 5000 values")]
    public async Task More_are_refused_and_nothing_is_made(int metrics, int extra, string named)
    {
        await using var store = await OpenAsync(metrics, extra);
        var error = await Assert.ThrowsAsync<StoreException>(() => store.InitializeAsync(Token));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);

        await using var other = await OpenAsync(3, 0);
        await other.InitializeAsync(Token);
    }

    [Fact]
    public async Task A_store_doesnt_grow_beyond_and_stays_as_it_is()
    {
        await using (var store = await OpenAsync(190, 0))
        {
            await store.InitializeAsync(Token);
        }

        await using var grown = await OpenAsync(191, 0);
        var error = await Assert.ThrowsAsync<StoreException>(() => grown.InitializeAsync(Token));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        await using var again = await OpenAsync(190, 0);
        await again.InitializeAsync(Token);
    }

    private Task<ITelemetryStore> OpenAsync(int metrics, int extra)
    {
        var schema = TestSchema.Create(
            [.. Enumerable.Range(0, metrics).Select(i => TestSchema.Metric($"m{i}"))],
            [
                new("hourly", "1 hour"), new("daily", "1 day", "hourly"), new("monthly", "1 month", "daily"),
                new("peak", "1 day", Columns: [.. Enumerable.Range(0, extra).Select(i => new ExtraColumn($"e{i}", $"max(m{i + 1})"))]),
            ]);
        var settings = new StoreSettings { Schema = schema };
        return TimescaleStore.OpenAsync(_fixture.Options(settings, _database.ConnectionString), Token);
    }
}
