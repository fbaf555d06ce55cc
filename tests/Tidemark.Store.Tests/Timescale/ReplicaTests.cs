using Npgsql;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A store on a primary and its streaming standby: <c>TIDEMARK_TEST_TIMESCALE</c> names the first,
/// <c>TIDEMARK_TEST_TIMESCALE_STANDBY</c> the second by its connection string.
/// </summary>
public sealed class ReplicaTests : IAsyncLifetime
{
    private static readonly string? Standby = Environment.GetEnvironmentVariable(
        "TIDEMARK_TEST_TIMESCALE_STANDBY") is { Length: > 0 } standby ? standby : null;
    private static readonly TelemetrySchema Schema = OptionsLoader.Load(null, []).Schema;

    private TimescaleDatabase _database = null!;
    private NpgsqlDataSource _standby = null!;
    private string _hosts = null!;
    private ITelemetryStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        TimescaleDatabase.SkipWithoutServer();
        Assert.SkipWhen(
            Standby is null,
            "needs a standby of the TimescaleDB server: set TIDEMARK_TEST_TIMESCALE_STANDBY to its connection string");
        _database = await TimescaleDatabase.CreateAsync();
        var primary = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        var standby = new NpgsqlConnectionStringBuilder(Standby) { Database = primary.Database };
        _standby = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(standby.ConnectionString) { Database = "postgres", Pooling = false });
        primary.Host = $"{standby.Host}:{standby.Port},{primary.Host}:{primary.Port}";
        _hosts = primary.ConnectionString;
        _store = await OpenAsync(_database);
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await PauseAsync(false);
            await _store.DisposeAsync();
            await _standby.DisposeAsync();
            await _database.DisposeAsync();
        }
    }

    [Fact]
    public async Task Writes_reach_the_primary_and_ranges_are_read_from_the_standby_once_it_has_them()
    {
        await WriteAsync(0, 100);
        await RefreshAsync();
        await CaughtUpAsync();
        var before = await StatementsOnStandbyAsync();
        Assert.Equal(100, await CountAsync());
        Assert.Equal(2, await HoursAsync());
        Assert.True(await StatementsOnStandbyAsync() > before);
    }

    [Fact]
    public async Task What_was_just_written_is_read_even_when_the_standby_is_behind()
    {
        await WriteAsync(0, 100);
        await CaughtUpAsync();
        Assert.Equal(100, await CountAsync());
        await PauseAsync(true);
        for (var batch = 1; batch <= 5; batch++)
        {
            await WriteAsync(100 * batch, 100);
            Assert.Equal(100 * (batch + 1), await CountAsync());
        }

        await RefreshAsync();
        Assert.Equal(10, await HoursAsync());
        Assert.Equal(First + TimeSpan.FromMinutes(599), (await _store.CurrentAsync("a", Token)).Time);
        await PauseAsync(false);
        await CaughtUpAsync();
        Assert.Equal(600, await CountAsync());
    }

    [Fact]
    public async Task Without_its_standby_the_primary_answers_everything()
    {
        await WriteAsync(0, 100);
        await CaughtUpAsync();
        Assert.Equal(100, await CountAsync());
        await using (var connection = await _standby.OpenConnectionAsync(Token))
        {
            await using var parting = new NpgsqlCommand(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemark'",
                connection);
            await parting.ExecuteNonQueryAsync(Token);
        }

        Assert.Equal(100, await CountAsync());
        await WriteAsync(100, 100);
        Assert.Equal(200, await CountAsync());
    }

    [Fact]
    public async Task A_store_that_was_just_made_is_read_while_the_standby_lacks_its_tables()
    {
        await using var database = await TimescaleDatabase.CreateAsync();
        await CaughtUpAsync();
        await PauseAsync(true);
        await using var store = await OpenAsync(database);
        Assert.Empty((await store.AnswerAsync("hourly", Token)).Rows);
        Assert.Empty(await store.RawAsync(null, TimeRange.All, Token));
    }

    [Fact]
    public async Task What_another_process_wrote_before_this_one_opened_the_store_is_read()
    {
        await WriteAsync(0, 100);
        await CaughtUpAsync();
        await PauseAsync(true);
        await WriteAsync(100, 100);
        await using var store = await OpenAsync(_database);
        Assert.Equal(200, (await store.RawAsync("a", TimeRange.All, Token)).Count);
    }

    [Fact]
    public async Task What_a_refresh_did_before_it_was_broken_off_is_read()
    {
        await WriteAsync(0, 100);
        await CaughtUpAsync();
        await PauseAsync(true);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _store.RefreshAsync("hourly", null, new Stop(stop), stop.Token));
        var watermark = (await _store.ReadStatusAsync(Token)).Aggregates[0].Watermark;
        Assert.NotNull(watermark);
        Assert.Equal(watermark, (await _store.AnswerAsync("hourly", Token)).Watermark);
    }

    [Fact]
    public async Task A_metric_that_came_is_read_while_the_standby_lacks_its_column()
    {
        await using var other = await OpenAsync(_database);
        await WriteAsync(0, 100);
        await CaughtUpAsync();
        await PauseAsync(true);
        var batch = new ReadingBatch(["temperature", "power"]);
        batch.Add("a", First + TimeSpan.FromMinutes(100), [20, 7]);
        await _store.WriteAsync(batch, Token);
        Assert.Equal([double.NaN, 7], (await _store.RawAsync("a", TimeRange.All, Token)).TakeLast(2).Select(r => r.Values[3]));
        Assert.Equal(4, (await _store.RawAsync(null, TimeRange.All, Token))[0].Values.Length);
        Assert.Equal(7, (await _store.FleetAsync(new FleetQuery("hourly", "power", TimeRange.All), Token))[^1].Average);
        Assert.Equal(3, (await other.AnswerAsync("hourly", Token, "a")).Columns.Count / 3);
        await PauseAsync(false);
        await CaughtUpAsync();
        Assert.Equal(4, (await other.AnswerAsync("hourly", Token, "a")).Columns.Count / 3);
    }

    /// <summary>Ends what reports its progress.</summary>
    private sealed class Stop(CancellationTokenSource source) : IProgress<StoreProgress>
    {
        public void Report(StoreProgress value) => source.Cancel();
    }

    private async Task<ITelemetryStore> OpenAsync(TimescaleDatabase database)
    {
        var settings = new NpgsqlConnectionStringBuilder(_hosts)
        {
            Database = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database
        };
        var store = await TimescaleStore.OpenAsync(
            new TimescaleOptions
            {
                Connection = settings.ConnectionString,
                Schema = Schema,
                Maintenance = MaintenanceOwner.External
            }, Token);
        await store.InitializeAsync(Token);
        return store;
    }

    private static Instant First => Instant.Utc(2026, 11, 1);

    private async Task WriteAsync(int first, int count)
    {
        var batch = new ReadingBatch([.. DefaultSchema.Metrics.Select(m => m.Name)]);
        for (var i = first; i < first + count; i++)
        {
            batch.Add("a", First + TimeSpan.FromMinutes(i), [20, 50, 1000]);
        }

        Assert.Equal(count, (await _store.WriteAsync(batch, Token)).Written);
    }

    private Task RefreshAsync() => _store.RefreshAsync("hourly", null, null, Token);

    private async Task<int> CountAsync()
    {
        var rows = 0;
        await foreach (var batch in _store.ReadRawAsync(new RawQuery("a", TimeRange.All), Token))
        {
            rows += batch.Count;
        }

        return rows;
    }

    private async Task<int> HoursAsync()
    {
        var rows = 0;
        await using var reader = await _store.ReadAggregateAsync(new AggregateQuery("hourly", "a", TimeRange.All), Token);
        await foreach (var batch in reader.Rows)
        {
            rows += batch.Count;
        }

        return rows;
    }

    private async Task PauseAsync(bool pause)
    {
        await using var command = _standby.CreateCommand(pause ? "SELECT pg_wal_replay_pause()" : "SELECT pg_wal_replay_resume()");
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>Waits until the standby has replayed all that the primary wrote before.</summary>
    private async Task CaughtUpAsync()
    {
        await using var primary = NpgsqlDataSource.Create(_database.ConnectionString);
        await using var position = primary.CreateCommand("SELECT pg_current_wal_insert_lsn()::text");
        var written = (string)(await position.ExecuteScalarAsync(Token))!;
        await using var replayed = _standby.CreateCommand($"SELECT pg_last_wal_replay_lsn() >= '{written}'");
        while (await replayed.ExecuteScalarAsync(Token) is not true)
        {
            await Task.Delay(20, Token);
        }
    }

    /// <summary>How many transactions this test's database has seen on the standby.</summary>
    private async Task<long> StatementsOnStandbyAsync()
    {
        // The statistics of a backend are told when it has been idle for a second at the latest.
        await Task.Delay(TimeSpan.FromSeconds(1.5), Token);
        await using var command = _standby.CreateCommand("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = "
            + $"'{new NpgsqlConnectionStringBuilder(_database.ConnectionString).Database}'");
        return (long)(await command.ExecuteScalarAsync(Token))!;
    }
}
