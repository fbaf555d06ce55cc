using System.Globalization;
using Npgsql;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>What is TimescaleDB's own: its policies, tables that SQL made, writes by SQL, a server that goes and comes.</summary>
public sealed class TimescaleStoreTests : IAsyncLifetime
{
    private static readonly Instant Now = Instant.From(DateTimeOffset.UtcNow);

    private readonly TimescaleFixture _fixture = new();
    private TimescaleDatabase _database = null!;

    private static Instant OldChunk => BucketWidth.Fixed(TimeSpan.FromDays(1)).Floor(Now - TimeSpan.FromDays(30));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        _fixture.Clock.SetUtcNow(Now.ToDateTimeOffset());
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Policies_of_the_database_refresh_and_late_writes_are_pending_until_they_did()
    {
        await using var store = await OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(60) }, MaintenanceOwner.Database);
        var jobs = (await store.ReadStatusAsync(Token)).Jobs.Select(j => j.Name);
        Assert.Equal(
            ["compress", "forget", "refresh daily", "refresh fleet", "refresh hourly", "refresh monthly", "refresh peak_hours", "retain"],
            jobs);
        var hour = BucketWidth.Fixed(TimeSpan.FromHours(1)).Floor(Now);
        await store.WriteAsync(Batch(
            (hour - TimeSpan.FromDays(40), "a", 1),
            (hour - TimeSpan.FromDays(3), "a", 1),
            (hour - TimeSpan.FromMinutes(1), "a", 2),
            (hour, "a", 3)), Token);
        await RunJobsAsync();
        Assert.Equal(hour, (await AnswerAsync(store, "hourly")).Watermark);
        Assert.Equal([1, 1, 1, 1], (await AnswerAsync(store, "hourly")).Rows.Select(r => r.ReadingCount));
        Assert.False((await AnswerAsync(store, "monthly")).Pending);

        await store.WriteAsync(Batch((hour - TimeSpan.FromDays(3) + TimeSpan.FromMinutes(1), "a", 5)), Token);
        Assert.True((await AnswerAsync(store, "daily")).Pending);
        Assert.Equal(5, (await store.SensorsAsync(Token)).Single().TotalReadings + 1);
        await RunJobsAsync();
        Assert.False((await AnswerAsync(store, "daily")).Pending);
        Assert.Equal(5, (await AnswerAsync(store, "hourly")).Rows.Sum(r => r.ReadingCount));
        Assert.Equal(5, (await AnswerAsync(store, "daily")).Rows.Sum(r => r.ReadingCount));
        Assert.Equal(5, (await store.SensorsAsync(Token)).Single().TotalReadings);
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
    }

    [Fact]
    public async Task The_databases_scheduler_keeps_aggregates_current_and_compresses()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.Database);
        await store.WriteAsync(Series(OldChunk, 4000), Token);
        await store.WriteAsync(Series(Now - TimeSpan.FromHours(5), 720), Token);
        var asked = DateTimeOffset.UtcNow;
        await ExecuteAsync("SELECT alter_job(job_id, next_start => now()) FROM timescaledb_information.jobs WHERE job_id >= 1000");
        await UntilAsync(
            $"""
            SELECT bool_and(coalesce(s.last_run_status = 'Success' AND s.last_run_started_at > '{asked:O}', false))
            FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s USING (job_id) WHERE j.job_id >= 1000
            """);

        var status = await store.ReadStatusAsync(Token);
        Assert.All(status.Aggregates, aggregate => Assert.True(aggregate.LastRefresh > Now));
        Assert.All(status.Jobs, job => Assert.Equal((JobState.Ok, "success"), (job.State, job.LastOutcome)));
        Assert.True(status.Aggregates.Single(a => a.Name == "hourly").Watermark > Now - TimeSpan.FromHours(2));
        Assert.Contains(status.Chunks, chunk => chunk.Compressed);
        Assert.Equal(4720, (await AnswerAsync(store, "hourly")).Rows.Sum(r => r.ReadingCount));
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
        Assert.Equal(2500, await LargestBatchAsync());
    }

    [Fact]
    public async Task Compressed_batches_hold_as_many_readings_as_fill_pages()
    {
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.External);
        await store.WriteAsync(Series(OldChunk, 4000), Token);
        await store.CompressAsync(null, Token);
        // The WebAssembly build is of a version that allows no more.
        var most = (int)(await ScalarAsync(
            "SELECT least(2500, max_val::integer) FROM pg_settings WHERE name = 'timescaledb.compression_batch_size_limit'"))!;
        Assert.Equal(most, await LargestBatchAsync());
        Assert.Equal(
            $"{{timescaledb.compression_batch_size_limit={most}}}",
            await ScalarAsync("SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = "
                + "current_database()"));
    }

    [Fact]
    public async Task What_retention_may_have_dropped_by_itself_is_refused()
    {
        await using var store = await OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(60) }, MaintenanceOwner.Database);
        var horizon = (await store.ReadRawHorizonAsync(Token))!.Value;
        Assert.InRange(Now - horizon, TimeSpan.FromDays(60), TimeSpan.FromDays(61));
        var error = await Assert.ThrowsAsync<StoreException>(
            () => store.WriteAsync(Batch((new Instant(horizon.Micros - 1), "a", 1)), Token));
        Assert.Equal(StoreErrorKind.OlderThanRetention, error.Kind);
    }

    [Fact]
    public async Task Another_owner_of_maintenance_has_no_policies()
    {
        await (await OpenAsync(new StoreSettings(), MaintenanceOwner.Database)).DisposeAsync();
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.Server);
        Assert.Empty((await store.ReadStatusAsync(Token)).Jobs);
    }

    [Fact]
    public async Task Late_readings_and_sensors_that_SQL_wrote_are_there_after_a_refresh()
    {
        await using var store = await OpenAsync(new StoreSettings());
        await store.WriteAsync(Batch((At("2026-03-01T10:00Z"), "a", 1), (At("2026-03-03T10:00Z"), "a", 1)), Token);
        await RefreshAsync(store);
        await ExecuteAsync("INSERT INTO sensor_data VALUES ('2026-03-01 10:30Z', 'a', 5), ('2026-03-04 10:30Z', 'by sql', 5)");
        await RefreshAsync(store);
        Assert.Equal([2, 1, 1], (await AnswerAsync(store, "hourly")).Rows.OrderBy(r => r.Bucket).Select(r => r.ReadingCount));
        Assert.Equal(["a", "by sql"], (await store.SensorsAsync(Token)).Select(s => s.SensorId));
        Assert.Equal(5, (await store.CurrentAsync("by sql", Token)).Values[0]);
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
    }

    [Fact]
    public async Task Late_changes_by_SQL_are_pending_until_each_aggregate_is_refreshed()
    {
        await using var store = await OpenAsync(new StoreSettings());
        await store.WriteAsync(Batch(
            (At("2026-03-01T10:00Z"), "a", 1),
            (At("2026-03-01T10:00Z"), "b", 1),
            (At("2026-03-02T10:00Z"), "a", 1),
            (At("2026-03-05T10:00Z"), "a", 1)), Token);
        await RefreshAsync(store);
        var day = new TimeRange(At("2026-03-01"), At("2026-03-02"));
        async Task<string> PendingAsync(TimeRange range, string sensor = "a")
            => string.Join(' ', await Task.WhenAll(((string[])["hourly", "daily", "peak_hours"]).Select(
                async a => $"{a}:{(await store.AnswerAsync(a, Token, sensor, range)).Pending}")));

        const string None = "hourly:False daily:False peak_hours:False";
        const string All = "hourly:True daily:True peak_hours:True";
        await store.WriteAsync(Batch((At("2026-03-01T10:10Z"), "a", 1)), Token);
        Assert.Equal((All, None), (await PendingAsync(day), await PendingAsync(day, "b")));
        await RefreshAsync(store);
        foreach (var sql in (string[])["INSERT INTO sensor_data VALUES ('2026-03-01 10:30Z', 'a', 5)", "UPDATE sensor_data SET "
            + "temperature = 9 WHERE sensor_id = 'a' AND time = '2026-03-01 10:30Z'", "DELETE FROM sensor_data WHERE time = "
            + "'2026-03-01 10:30Z'"])
        {
            Assert.Equal(None, await PendingAsync(day));
            await ExecuteAsync(sql);
            Assert.Equal((All, None), (await PendingAsync(day), await PendingAsync(new TimeRange(At("2026-03-02"), At("2026-03-03")))));
            await store.RefreshAsync("hourly", null, null, Token);
            Assert.Equal("hourly:False daily:True peak_hours:True", await PendingAsync(day));
            await RefreshAsync(store);
        }

        Assert.Equal(None, await PendingAsync(TimeRange.All));
        Assert.Equal(
            (0, 0),
            ((await store.VerifyAsync(null, null, Token)).DifferenceCount, (await store.VerifyAsync(null, null, Token)).BucketsPending));
    }

    [Fact]
    public async Task A_bulk_load_over_readings_that_SQL_wrote_replaces_them()
    {
        await using var store = await OpenAsync(new StoreSettings());
        await ExecuteAsync(
            "INSERT INTO sensor_data SELECT '2026-03-01'::timestamptz + i * interval '1 minute', 'a', 5 FROM generate_series(0, 9) i");
        var readings = Enumerable.Range(0, 5000).Select(i => (At("2026-03-01") + TimeSpan.FromMinutes(i), "a", 1.0)).ToArray();
        await store.WriteAsync(Batch(readings), Token);
        Assert.Equal(5000, (await store.RawAsync("a", TimeRange.All, Token)).Count);
        Assert.All(await store.RawAsync("a", TimeRange.All, Token), r => Assert.Equal(1, r.Values[0]));
    }

    [Fact]
    public async Task The_exercises_database_is_taken_over_with_duplicates_put_aside()
    {
        await MakeExerciseAsync();
        await ExecuteAsync("INSERT INTO sensor_data VALUES ('2026-03-01 10:00Z', 'a', 1, 2), ('2026-03-01 10:00Z', 'a', 9, 9), "
            + "('2026-03-02 10:00Z', 'b', 3, 4)");
        await ExecuteAsync("CALL refresh_continuous_aggregate('sensor_data_hourly', NULL, NULL)");
        await using var store = await OpenAsync(new StoreSettings { ChunkInterval = TimeSpan.FromDays(7) });
        Assert.Equal(
            [("a", 9), ("b", 3)],
            (await store.RawAsync(null, TimeRange.All, Token)).OrderBy(r => r.Time).Select(r => (r.SensorId, (int)r.Values[0])));
        Assert.Equal(1L, await ScalarAsync("SELECT count(*) FROM tidemark.duplicates"));
        Assert.Equal(3, (await store.CurrentAsync("b", Token)).Values[0]);
        await RefreshAsync(store);
        Assert.Equal(new WriteResult(0, 0, 1), await store.WriteAsync(Batch2(At("2026-03-01T10:00Z"), "a", 9, 9), Token));
        Assert.Equal([1, 1], (await AnswerAsync(store, "hourly")).Rows.Select(r => r.ReadingCount));
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
        Assert.Equal(2L, await ScalarAsync("SELECT count(*) FROM sensor_data_hourly WHERE avg_temperature IS NOT NULL"));
    }

    [Fact]
    public async Task An_aggregate_that_raw_no_longer_gives_is_refused_or_kept_under_another_name()
    {
        await MakeExerciseAsync();
        await ExecuteAsync("INSERT INTO sensor_data VALUES ('2026-01-01 10:00Z', 'a', 1, 2), ('2026-03-02 10:00Z', 'a', 3, 4)");
        await ExecuteAsync("CALL refresh_continuous_aggregate('sensor_data_hourly', NULL, NULL)");
        await ExecuteAsync("SELECT drop_chunks('sensor_data', older_than => '2026-02-01'::timestamptz)");
        var settings = new StoreSettings { ChunkInterval = TimeSpan.FromDays(7) };
        var error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(settings));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        Assert.Contains("sensor_data_hourly", error.Message, StringComparison.Ordinal);
        Assert.Contains("--keep-aggregates-as", error.Message, StringComparison.Ordinal);
        Assert.Equal(2L, await ScalarAsync("SELECT count(*) FROM sensor_data_hourly"));

        await using var store = await OpenAsync(settings, keepAs: "old");
        Assert.Equal(2L, await ScalarAsync("SELECT count(*) FROM sensor_data_hourly_old"));
        Assert.Equal(1, (await AnswerAsync(store, "hourly")).Rows.Single().ReadingCount);
        Assert.NotNull(await store.ReadRawHorizonAsync(Token));
    }

    [Theory]
    [InlineData("CREATE TABLE sensor_data (id int, payload jsonb)", "'time' is missing")]
    [InlineData(
        "CREATE TABLE sensor_data (time timestamptz NOT NULL, sensor_id int, temperature float8, humidity float8)",
        "'sensor_id' is integer")]
    [InlineData(
        "CREATE TABLE sensor_data (time timestamptz NOT NULL, sensor_id varchar(50), temperature float8, humidity float8, note text)",
        "'note'")]
    public async Task A_table_of_something_else_is_refused(string sql, string named)
    {
        await ExecuteAsync(sql);
        var error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(new StoreSettings()));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_exercises_queries_work()
    {
        // With the database as the owner of maintenance the views are live.
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.Database);
        await store.WriteAsync(Batch((At("2026-03-01T10:00Z"), "a", 1), (At("2026-03-03T10:00Z"), "a", 3)), Token);
        await RefreshAsync(store);
        Assert.Equal(
            1L,
            await ScalarAsync("SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name = 'sensor_data'"));
        Assert.Equal(
            4L,
            await ScalarAsync("SELECT count(*) FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'public'"));
        Assert.Equal(2L, await ScalarAsync("SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'sensor_data'"));
        Assert.Equal(4.0, await ScalarAsync("SELECT sum(avg_temperature) FROM sensor_data_hourly WHERE bucket > '2026-01-01'"));
        Assert.Equal(2.0, await ScalarAsync("SELECT avg_temperature FROM sensor_data_monthly"));
        Assert.Equal(4.0, await ScalarAsync("SELECT sum(sum_temperature / count_temperature) FROM tidemark.fleet"));
        Assert.Equal(3.0, await ScalarAsync("SELECT max(max_temp) FROM sensor_data_peak_hours"));
    }

    [Fact]
    public async Task Two_processes_write_the_same_sensors()
    {
        await using var one = await OpenAsync(new StoreSettings());
        await using var other = await OpenAsync(new StoreSettings());
        var writes = Enumerable.Range(0, 20).Select(i => Task.Run(
            () => (i % 2 == 0 ? one : other).WriteAsync(
                Batch([.. Enumerable.Range(0, 30).Select(n => (At("2026-03-01") + TimeSpan.FromSeconds(n), $"s{n % 3}", (double)i))]),
                Token), Token));
        var total = (await Task.WhenAll(writes)).Aggregate((a, b) => a + b);
        Assert.Equal((30, 600), (total.Written, total.Written + total.Replaced + total.Unchanged));
        Assert.Equal(30, (await other.RawAsync(null, TimeRange.All, Token)).Count);
    }

    [Fact]
    public async Task Lost_connections_are_made_again()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var store = await OpenAsync(new StoreSettings());
        for (var i = 0; i < 3; i++)
        {
            await store.WriteAsync(Batch((At("2026-03-01") + TimeSpan.FromHours(i), "a", i)), Token);
            await ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                + "application_name = 'tidemark'");
            Assert.Equal(i, (await store.CurrentAsync("a", Token)).Values[0]);
            await ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                + "application_name = 'tidemark'");
        }

        Assert.Equal(3, (await AnswerAsync(store, "hourly")).Rows.Count);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable_and_named()
    {
        var error = await Assert.ThrowsAsync<StoreException>(
            () => TimescaleStore.OpenAsync(_fixture.Options(new StoreSettings(), "postgresql://tide:s3cret@127.0.0.1:1/db"), Token));
        Assert.Equal(StoreErrorKind.Unavailable, error.Kind);
        Assert.StartsWith("postgresql://127.0.0.1:1/db can't be reached", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Password", "wrong", StoreErrorKind.NotWritable, "user and password")]
    [InlineData("Database", "no_such_database", StoreErrorKind.NotAStore, "create it")]
    [InlineData("Options", "-c default_transaction_read_only=on", StoreErrorKind.NotWritable, "read-only")]
    public async Task What_is_wrong_with_a_connection_is_said_in_a_line(string part, string value, StoreErrorKind kind, string told)
    {
        TimescaleDatabase.SkipWithoutServer();
        var connection = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { [part] = value }.ConnectionString;
        var error = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            await using var store = await TimescaleStore.OpenAsync(_fixture.Options(new StoreSettings(), connection), Token);
            await store.InitializeAsync(Token);
        });
        Assert.Equal(kind, error.Kind);
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static Instant At(string time)
        => Instant.From(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));

    private static ReadingBatch Batch(params (Instant Time, string Sensor, double Temperature)[] readings)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        foreach (var (time, sensor, temperature) in readings)
        {
            batch.Add(sensor, time, [temperature, double.NaN]);
        }

        return batch;
    }

    private static ReadingBatch Batch2(Instant time, string sensor, double temperature, double humidity)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        batch.Add(sensor, time, [temperature, humidity]);
        return batch;
    }

    private static Task<Answer> AnswerAsync(ITelemetryStore store, string aggregate) => store.AnswerAsync(aggregate, Token);

    private static async Task RefreshAsync(ITelemetryStore store)
    {
        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, Token);
        }
    }

    private async Task<ITelemetryStore> OpenAsync(
        StoreSettings settings,
        MaintenanceOwner owner = MaintenanceOwner.External,
        string? keepAs = null)
    {
        var store = await TimescaleStore.OpenAsync(
            _fixture.Options(settings, _database.ConnectionString) with { Maintenance = owner, KeepAggregatesAs = keepAs },
            Token);
        try
        {
            await store.InitializeAsync(Token);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>As its scripts do it: no key, averages only, nothing live.</summary>
    private Task MakeExerciseAsync() => ExecuteAsync(
        "CREATE TABLE sensor_data (time timestamptz NOT NULL, sensor_id varchar(50) NOT NULL, temperature float8, humidity float8)",
        "SELECT create_hypertable('sensor_data', 'time')",
        """
        CREATE MATERIALIZED VIEW sensor_data_hourly WITH (timescaledb.continuous) AS
        SELECT time_bucket('1 hour', time) AS bucket, sensor_id, avg(temperature) AS avg_temperature, min(temperature) AS min_temperature,
            max(temperature) AS max_temperature,
            avg(humidity) AS avg_humidity, count(*) AS reading_count
        FROM sensor_data GROUP BY bucket, sensor_id WITH NO DATA
        """);

    /// <summary>Of one sensor, every 20 seconds.</summary>
    private static ReadingBatch Series(Instant from, int count)
        => Batch([.. Enumerable.Range(0, count).Select(i => (from + TimeSpan.FromSeconds(20 * i), "a", (double)(i % 50)))]);

    private async Task<int> LargestBatchAsync()
    {
        var table = await ScalarAsync("SELECT format('%I.%I', c.schema_name, c.table_name) FROM _timescaledb_catalog.chunk c JOIN "
            + "_timescaledb_catalog.chunk r ON r.compressed_chunk_id = c.id ORDER BY c.id LIMIT 1");
        return (int)(await ScalarAsync($"SELECT max(_ts_meta_count) FROM {table}"))!;
    }

    private async Task UntilAsync(string condition)
    {
        for (var tries = 0; await ScalarAsync(condition) is not true; tries++)
        {
            Assert.True(tries < 900, condition);
            await Task.Delay(100, Token);
        }
    }

    /// <summary>Each job once, as the database's scheduler runs them.</summary>
    private async Task RunJobsAsync()
    {
        foreach (var name in new[] { "policy_refresh_continuous_aggregate", "forget" })
        {
            var ids = (int[])(await ScalarAsync(
                $"SELECT array_agg(job_id ORDER BY job_id) FROM timescaledb_information.jobs WHERE proc_name = '{name}'"))!;
            foreach (var id in ids)
            {
                await RunJobAsync(id);
            }
        }
    }

    /// <summary>A server's own scheduler may be running the same job just then.</summary>
    private async Task RunJobAsync(int id)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ExecuteAsync($"CALL run_job({id})");
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && attempt < 50)
            {
                await Task.Delay(100, Token);
            }
        }
    }

    private async Task ExecuteAsync(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync(Token);
        foreach (var sql in statements)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(Token);
        }
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Token);
    }
}
