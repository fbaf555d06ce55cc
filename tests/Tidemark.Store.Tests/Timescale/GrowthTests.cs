using Npgsql;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Metrics that come and go where several processes have one database, beside their reads and writes.</summary>
public sealed class GrowthTests : IAsyncLifetime
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
    public async Task Another_process_reads_and_writes_a_metric_that_came_after_it_opened()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        await WriteAsync(other, "a", Now - TimeSpan.FromDays(3), ("temperature", 20));
        Assert.Equal("temperature=20 humidity=", await TextAsync(other, "a"));
        await WriteAsync(one, "a", Now - TimeSpan.FromDays(2), ("power", 7));
        Assert.Equal("temperature=20 humidity= power=; temperature= humidity= power=7", await TextAsync(other, "a"));
        Assert.Equal(["temperature", "humidity", "power"], (await other.ReadCurrentAsync("a", Token)).Metrics);

        await WriteAsync(one, "b", Now - TimeSpan.FromDays(2), ("co2", 400));
        Assert.Equal("co2=; co2=", await TextAsync(other, "a", "co2"));
        await WriteAsync(one, "a", Now - TimeSpan.FromDays(1), ("wind", 3));
        Assert.Equal(4, (await other.AnswerAsync("daily", Token, "a")).Columns.Count(c => c.StartsWith("avg_", StringComparison.Ordinal)));
        await WriteAsync(one, "c", Now - TimeSpan.FromDays(1), ("noise", 60));
        Assert.Equal(60, (await other.FleetAsync(new FleetQuery("hourly", "noise", TimeRange.All), Token))[^1].Average);
        Assert.Equal(6, (await other.AnswerAsync("hourly", Token)).Columns.Count(c => c.StartsWith("avg_", StringComparison.Ordinal)));
        Assert.Equal(6, other.Schema.Metrics.Count);

        await WriteAsync(one, "a", Now - TimeSpan.FromHours(3), ("pressure", 1000));
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync(other, "a", Now - TimeSpan.FromHours(2), ("pressure", 1001)));
        Assert.Equal(7, (await one.ListMetricsAsync(Token)).Count);
        await RefreshAsync(other);
        await VerifyAsync(one);
    }

    [Fact]
    public async Task Another_process_learns_that_a_metric_is_gone()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        await WriteAsync(other, "a", Now - TimeSpan.FromDays(2), ("temperature", 20), ("power", 7), ("co2", 400));
        await RefreshAsync(other);
        Assert.Equal("power=7", await TextAsync(other, "a", "power"));
        await one.RemoveMetricAsync("power", Token);
        Assert.Equal("temperature=20 humidity= co2=400", await TextAsync(other, "a"));
        var error = await Assert.ThrowsAsync<StoreException>(() => TextAsync(other, "a", "power"));
        Assert.Equal(StoreErrorKind.Invalid, error.Kind);
        await one.RemoveMetricAsync("co2", Token);
        Assert.Equal(2, (await other.ReadCurrentAsync("a", Token)).MetricCount);
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync(other, "a", Now - TimeSpan.FromDays(1), ("co2", 401)));
        Assert.Equal("co2=; co2=401", await TextAsync(one, "a", "co2"));
        await RefreshAsync(one);
        await VerifyAsync(other);
        Assert.Equal(
            "removed 2 removed 3",
            await ScalarAsync("SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute WHERE attrelid = "
                + "'sensor_data'::regclass AND attname LIKE 'removed%'"));
    }

    [Fact]
    public async Task Many_that_come_at_once_to_two_processes_are_there_once()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        Task<WriteResult> WriteOneAsync(int i)
            => WriteAsync(i % 2 == 0 ? one : other, $"s{i % 5}", Now - TimeSpan.FromMinutes(i), ("temperature", i), ($"m{i % 12}", i));
        var results = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => WriteOneAsync(i))));
        Assert.Equal(new WriteResult(40, 0, 0), results.Aggregate((a, b) => a + b));
        Assert.Equal(14, (await one.ListMetricsAsync(Token)).Count);
        Assert.Equal(14L, await ScalarAsync("SELECT count(*) FROM tidemark.metrics"));
        await RefreshAsync(one);
        await VerifyAsync(other);
    }

    [Fact]
    public async Task Writes_go_on_while_a_metric_waits_for_a_reader()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        await WriteAsync(one, "a", Now - TimeSpan.FromDays(1), ("temperature", 1));
        await using var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using var reader = new NpgsqlCommand("SELECT count(*) FROM sensor_data", connection);
        await reader.ExecuteScalarAsync(Token);
        var growing = WriteAsync(one, "b", Now - TimeSpan.FromHours(1), ("power", 1));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, (await WriteAsync(one, "c", Now - TimeSpan.FromMinutes(i), ("temperature", i))).Written);
            Assert.Equal(1, (await WriteAsync(other, "d", Now - TimeSpan.FromMinutes(i), ("temperature", i))).Written);
            Assert.Equal("temperature=1 humidity=", await TextAsync(other, "a"));
        }

        Assert.False(growing.IsCompleted);
        await transaction.CommitAsync(Token);
        Assert.Equal(1, (await growing).Written);
        Assert.Equal("temperature= humidity= power=1", await TextAsync(other, "b"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reads_and_writes_beside_metrics_that_come_are_right(bool addColumns)
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var one = await OpenAsync(addColumns: addColumns);
        await using var other = await OpenAsync(addColumns: addColumns);
        await WriteAsync(one, "a", Now - TimeSpan.FromDays(40), ("temperature", 1), ("first", 1));
        await RefreshAsync(one);
        using var done = new CancellationTokenSource();
        var (written, read) = (0, 0);
        var writer = Task.Run(async () =>
        {
            for (; !done.IsCancellationRequested; written++)
            {
                await WriteAsync(other, "b", Now - TimeSpan.FromDays(2) + TimeSpan.FromSeconds(written), ("temperature", written));
            }
        }, Token);
        var reader = Task.Run(async () =>
        {
            for (; !done.IsCancellationRequested; read++)
            {
                Assert.Equal(1, (await other.AnswerAsync("monthly", Token, "a")).Rows.Single().Values[0]);
                Assert.Equal(1, (await one.AnswerAsync("hourly", Token, "a")).Rows.Single().ReadingCount);
                Assert.Equal("temperature=1 humidity= first=1", await TextAsync(other, "a"));
            }
        }, Token);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(1, (await WriteAsync(one, "c", Now - TimeSpan.FromHours(i + 1), ($"m{i}", i))).Written);
            await RefreshAsync(one);
        }

        await done.CancelAsync();
        await Task.WhenAll(writer, reader);
        Assert.True(written > 0 && read > 0);
        Assert.Equal(written, (await one.RawAsync("b", TimeRange.All, Token)).Count);
        await RefreshAsync(other);
        await VerifyAsync(one);
    }

    [Theory]
    [InlineData(MaintenanceOwner.External)]
    [InlineData(MaintenanceOwner.Database)]
    public async Task History_that_raw_no_longer_gives_outlives_metrics_that_come(MaintenanceOwner owner)
    {
        await using var store = await OpenAsync(owner);
        foreach (var days in (int[])[60, 50, 40, 3, 2])
        {
            await WriteAsync(store, "a", Now - TimeSpan.FromDays(days), ("temperature", days), ("power", 2 * days));
        }

        await RefreshAsync(store);
        await ExecuteAsync("SELECT drop_chunks('sensor_data', older_than => '2026-03-01'::timestamptz)");
        await ExecuteAsync($"INSERT INTO tidemark.settings VALUES ('raw_horizon', '{Instant.Utc(2026, 3, 1).Micros}')");
        var before = await store.AnswerAsync("hourly", Token, "a");
        Assert.Equal(5, before.Rows.Count);
        await WriteAsync(store, "a", Now - TimeSpan.FromDays(3) + TimeSpan.FromMinutes(1), ("co2", 400));
        var jobs = (await store.ReadJobsAsync(Token)).Select(job => job.Name).ToList();
        Assert.Equal(owner is MaintenanceOwner.Database ? 7 : 0, jobs.Count);
        for (var refreshed = 0; refreshed < 2; refreshed++)
        {
            var after = await store.AnswerAsync("hourly", Token, "a");
            Assert.Equal(before.Watermark, after.Watermark);
            Assert.Equal([60, 50, 40, 3, 2], after.Rows.Select(r => r.Values[0]));
            Assert.Equal([120, 100, 80, 6, 4], after.Rows.Select(r => r.Values[6]));
            Assert.Equal([60, 50, 40], (await store.AnswerAsync("daily", Token, "a")).Rows.Take(3).Select(r => r.Values[0]));
            await RefreshAsync(store);
        }

        Assert.Equal(400, (await store.AnswerAsync("hourly", Token, "a")).Rows[3].Values[9]);
        await VerifyAsync(store);
    }

    [Fact]
    public async Task What_SQL_wrote_of_a_metric_that_came_is_in_the_sensors_answers_after_a_refresh()
    {
        await using var store = await OpenAsync();
        await WriteAsync(store, "a", Now - TimeSpan.FromDays(3), ("power", 7));
        await RefreshAsync(store);
        await ExecuteAsync("INSERT INTO sensor_data (time, sensor_id, temperature, power) VALUES ('2026-03-08 10:30Z', 'by sql', 1, 9), "
            + "('2026-03-08 10:30Z', 'other', 1, NULL)");
        await RefreshAsync(store);
        Assert.Equal("temperature=1 humidity= power=9", await TextAsync(store, "by sql"));
        Assert.Equal("temperature=1 humidity=", await TextAsync(store, "other"));
        Assert.Equal(9, (await store.CurrentAsync("by sql", Token)).Values[2]);
        Assert.Equal([2, 0, 2], (await store.ListMetricsAsync(Token)).Select(m => m.Sensors));
        await VerifyAsync(store);
    }

    [Fact]
    public async Task An_append_only_store_gains_metrics_too()
    {
        await using var store = await OpenAsync(appendOnly: true);
        await WriteAsync(store, "a", Now - TimeSpan.FromDays(3), ("temperature", 1));
        await RefreshAsync(store);
        for (var i = 0; i < 2; i++)
        {
            await WriteAsync(store, "a", Now - TimeSpan.FromDays(2), ("power", 7), ("temperature", 2));
        }

        await RefreshAsync(store);
        Assert.Equal(
            "temperature=1 humidity= power=; temperature=2 humidity= power=7; temperature=2 humidity= power=7",
            await TextAsync(store, "a"));
        Assert.Equal([1, 2], (await store.AnswerAsync("hourly", Token, "a")).Rows.Select(r => r.ReadingCount));
        await VerifyAsync(store);
    }

    [Fact]
    public async Task One_that_an_aggregate_is_computed_from_stays()
    {
        await (await OpenAsync()).DisposeAsync();
        var schema = TestSchema.Create([TestSchema.Humidity], TestSchema.Chain().Take(3));
        await using var store = await OpenAsync(settings: new StoreSettings { Schema = schema });
        var error = await Assert.ThrowsAsync<StoreException>(() => store.RemoveMetricAsync("temperature", Token));
        Assert.Equal(StoreErrorKind.Invalid, error.Kind);
        Assert.Contains("max_temp", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await store.ListMetricsAsync(Token)).Count);
    }

    [Fact]
    public async Task What_is_refused_for_another_reason_brings_no_metric()
    {
        var settings = new StoreSettings { MaxSensors = 1, Retention = TimeSpan.FromDays(10) };
        await using var store = await OpenAsync(settings: settings);
        await WriteAsync(store, "a", Now - TimeSpan.FromDays(30), ("temperature", 1));
        await WriteAsync(store, "a", Now - TimeSpan.FromDays(3), ("temperature", 1));
        Assert.Equal(1, (await store.RetainAsync(Token)).ReadingsDropped);
        Assert.Equal(1, (await WriteAsync(store, "b", Now - TimeSpan.FromDays(3), ("power", 1))).Refused);
        var error = await Assert.ThrowsAsync<StoreException>(() => WriteAsync(store, "a", Now - TimeSpan.FromDays(30), ("power", 1)));
        Assert.Equal(StoreErrorKind.OlderThanRetention, error.Kind);
        Assert.Equal(2, (await store.ListMetricsAsync(Token)).Count);
    }

    /// <summary>In a row of so many other values there is place for thirty.</summary>
    [Fact]
    public async Task Metrics_that_were_taken_away_make_place_for_others()
    {
        var extra = Enumerable.Range(0, 800).Select(i => new ExtraColumn($"e{i}", "MAX(temperature)")).ToList();
        var schema = TestSchema.Create(
            [TestSchema.Temperature, TestSchema.Humidity],
            [new("hourly", "1 hour"), new("daily", "1 day", "hourly"), new("peaks", "1 day", Columns: extra)]);
        await using var store = await OpenAsync(settings: new StoreSettings { Schema = schema });
        await WriteAsync(store, "a", Now - TimeSpan.FromDays(3), ("temperature", 1), ("first", 5), ("second", 6));
        await store.AddMetricsAsync([.. Enumerable.Range(0, 26).Select(i => $"m{i}")], Token);
        await RefreshAsync(store);
        Assert.Equal(1, (await WriteAsync(store, "a", Now - TimeSpan.FromDays(2), ("third", 1))).Refused);
        await store.RemoveMetricAsync("second", Token);
        Assert.Equal(1L, await RetiredAsync());
        Assert.Equal(1, (await WriteAsync(store, "a", Now - TimeSpan.FromDays(2), ("third", 7))).Written);
        Assert.Equal(0L, await RetiredAsync());
        await RefreshAsync(store);
        Assert.Equal("temperature=1 humidity= first=5 third=; temperature= humidity= first= third=7", await TextAsync(store, "a"));
        Assert.Equal([5, double.NaN], (await store.AnswerAsync("daily", Token, "a")).Rows.Select(r => r.Values[6]));
        Assert.Equal(0, (await store.VerifyAsync("daily", null, Token)).DifferenceCount);
    }

    private Task<object?> RetiredAsync() => ScalarAsync(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'sensor_data_hourly'::regclass AND attname LIKE 'avg_removed %'");

    /// <summary>Its metrics in a setting, nothing noted of what sensors sent.</summary>
    [Fact]
    public async Task A_store_of_the_version_before_opens_and_grows()
    {
        await using (var store = await OpenAsync())
        {
            await WriteAsync(store, "a", Now - TimeSpan.FromDays(3), ("temperature", 1), ("humidity", 50));
            await WriteAsync(store, "b", Now - TimeSpan.FromDays(3), ("temperature", 2));
            await RefreshAsync(store);
            await WriteAsync(store, "c", Now - TimeSpan.FromHours(1), ("humidity", 3));
            await WriteAsync(store, "a", Now - TimeSpan.FromHours(1), ("temperature", 1));
        }

        await ExecuteAsync(
            "INSERT INTO tidemark.settings VALUES ('metrics', 'temperature,humidity')",
            "UPDATE tidemark.settings SET value = '1' WHERE name = 'format'",
            "DELETE FROM tidemark.settings WHERE name IN ('fingerprint', 'metrics_version')",
            "DROP TABLE tidemark.metrics",
            "ALTER TABLE tidemark.sensors DROP COLUMN sent");
        await using var opened = await OpenAsync(
            settings: new StoreSettings { Schema = TestSchema.Create([TestSchema.Temperature], TestSchema.Chain()) });
        Assert.Equal(
            [("temperature", true, 2), ("humidity", false, 2)],
            (await opened.ListMetricsAsync(Token)).Select(m => (m.Metric.Name, m.Metric.IsConfigured, m.Sensors)));
        Assert.Equal("temperature=1 humidity=50; temperature=1 humidity=", await TextAsync(opened, "a"));
        Assert.Equal("temperature=2", await TextAsync(opened, "b"));
        Assert.Equal("temperature= humidity=3", await TextAsync(opened, "c"));
        await WriteAsync(opened, "b", Now - TimeSpan.FromDays(3) + TimeSpan.FromMinutes(1), ("power", 5));
        await RefreshAsync(opened);
        Assert.Equal("temperature=2 power=; temperature= power=5", await TextAsync(opened, "b"));
        await VerifyAsync(opened);
        Assert.Null(await ScalarAsync("SELECT value FROM tidemark.settings WHERE name = 'metrics'"));
    }

    private async Task<ITelemetryStore> OpenAsync(
        MaintenanceOwner owner = MaintenanceOwner.External,
        bool addColumns = true,
        bool appendOnly = false,
        StoreSettings? settings = null)
    {
        var options = _fixture.Options(settings ?? new StoreSettings(), _database.ConnectionString) with
        {
            Maintenance = owner,
            AddColumns = addColumns,
            AppendOnly = appendOnly,
            Copy = _database.IsReal,
        };
        var store = await TimescaleStore.OpenAsync(options, Token);
        await store.InitializeAsync(Token);
        return store;
    }

    private static Task<WriteResult> WriteAsync(
        ITelemetryStore store,
        string sensor,
        Instant time,
        params (string Metric, double Value)[] values)
    {
        var batch = new ReadingBatch([.. values.Select(v => v.Metric)]);
        batch.Add(sensor, time, [.. values.Select(v => v.Value)]);
        return store.WriteAsync(batch, Token);
    }

    /// <summary>Raw readings as text: values by name.</summary>
    private static async Task<string> TextAsync(ITelemetryStore store, string sensor, params string[] metrics)
    {
        var lines = new List<string>();
        var query = new RawQuery(sensor, TimeRange.All) { Metrics = metrics.Length == 0 ? null : metrics };
        await foreach (var batch in store.ReadRawAsync(query, Token))
        {
            lines.AddRange(Enumerable.Range(0, batch.Count).Select(row => string.Join(' ', batch.Metrics.Zip(batch[row].Values)
                .Select(v => double.IsNaN(v.Second) ? $"{v.First}=" : FormattableString.Invariant($"{v.First}={v.Second}")))));
        }

        return string.Join("; ", lines);
    }

    private static async Task RefreshAsync(ITelemetryStore store)
    {
        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, Token);
        }
    }

    private static async Task VerifyAsync(ITelemetryStore store)
    {
        var report = await store.VerifyAsync(null, null, Token);
        Assert.Equal((0, 0), (report.DifferenceCount, report.BucketsPending));
        Assert.NotEqual(0, report.BucketsChecked);
    }

    private async Task ExecuteAsync(params string[] statements)
    {
        await using var source = NpgsqlDataSource.Create(_database.ConnectionString);
        foreach (var sql in statements)
        {
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Token);
        }
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_database.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Token);
    }
}
