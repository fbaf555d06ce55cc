using Npgsql;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>What listeners hear of other processes that have the same database open.</summary>
public sealed class CommitTests : IAsyncLifetime
{
    private static readonly Instant Now = Instant.Utc(2026, 3, 10, 12);

    private readonly TimescaleFixture _fixture = new();
    private TimescaleDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        _fixture.Clock.SetUtcNow(Now.ToDateTimeOffset());
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Commits_of_another_process_come_too_once_and_in_their_order()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        await using var subscription = await one.SubscribeAsync(Token);
        var commits = subscription.ReadAllAsync(Token).GetAsyncEnumerator(Token);
        for (var i = 0; i < 20; i++)
        {
            await WriteAsync(i % 2 == 0 ? one : other, i % 3 == 0 ? "a" : "b", Now - TimeSpan.FromHours(1 + i), i);
        }

        var values = new List<double>();
        while (values.Count < 20)
        {
            Assert.True(await commits.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), Token));
            var readings = commits.Current.Readings;
            values.AddRange(readings.Metric(readings.MetricIndex("temperature")).ToArray());
        }

        Assert.Equal(Enumerable.Range(0, 20).Select(i => (double)i), values);
        Assert.Empty((await other.ReadCommitsAsync(new CommitQuery(commits.Current.Position, SensorSelection.All, 100), Token)).Batches);
    }

    [Fact]
    public async Task What_is_forgotten_is_not_passed_over_in_silence()
    {
        await using var one = await OpenAsync();
        await using var subscription = await one.SubscribeAsync(Token);
        await WriteAsync(one, "a", Now - TimeSpan.FromHours(2), 1);
        await using (var source = NpgsqlDataSource.Create(_database.ConnectionString))
        {
            await using var age = source.CreateCommand("UPDATE tidemark.commits SET at = at - INTERVAL '2 hours'");
            await age.ExecuteNonQueryAsync(Token);
        }

        // The first write of a process looks for what can be forgotten.
        await using var other = await OpenAsync();
        await WriteAsync(other, "a", Now - TimeSpan.FromHours(1), 2);
        var since = await one.ReadCommitsAsync(new CommitQuery(subscription.Position, SensorSelection.All, 100), Token);
        Assert.Null(since.Missed);
        Assert.Equal(2, since.Batches.Single()[0].Values[0]);
    }

    [Fact]
    public async Task Many_processes_that_write_at_once_lose_a_listener_nothing()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var listening = await OpenAsync();
        await using var subscription = await listening.SubscribeAsync(Token);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async p =>
        {
            await using var store = await OpenAsync();
            for (var i = 0; i < 100; i++)
            {
                await WriteAsync(store, $"s{p}", Now - TimeSpan.FromMinutes(1 + i), i);
            }
        }));
        var seen = new HashSet<(string, long)>();
        await foreach (var commit in subscription.ReadAllAsync(Token))
        {
            Assert.Equal(0, commit.Missed);
            for (var row = 0; row < commit.Readings.Count; row++)
            {
                seen.Add((commit.Readings.SensorIds[row], commit.Readings.TimesMicros[row]));
            }

            if (seen.Count == 400)
            {
                break;
            }
        }
    }

    private async Task<ITelemetryStore> OpenAsync()
    {
        var store = await TimescaleStore.OpenAsync(_fixture.Options(new StoreSettings(), _database.ConnectionString), Token);
        await store.InitializeAsync(Token);
        return store;
    }

    private static async Task WriteAsync(ITelemetryStore store, string sensor, Instant time, double temperature)
    {
        var batch = new ReadingBatch(["temperature"]);
        batch.Add(sensor, time, [temperature]);
        await store.WriteAsync(batch, Token);
    }
}
