using Npgsql;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A store without a key: everything of the contract but clause 3, against a list of all that was sent.</summary>
public sealed class AppendOnlyTests : IAsyncLifetime
{
    private static readonly Instant First = Instant.Utc(2026, 3, 8);

    private readonly TimescaleFixture _fixture = new();
    private TimescaleDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        _fixture.Clock.SetUtcNow((First + TimeSpan.FromDays(40)).ToDateTimeOffset());
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_reading_sent_again_is_stored_again_and_the_answer_says_so()
    {
        await using var store = await OpenAsync();
        var batch = Batch("a", First, 1, 2, 3);
        Assert.Equal(new WriteResult(3, 0, 0) { AppendOnly = true }, await store.WriteAsync(batch, Token));
        Assert.Equal(new WriteResult(3, 0, 0) { AppendOnly = true }, await store.WriteAsync(batch, Token));
        Assert.Equal([1, 1, 2, 2, 3, 3], (await store.RawAsync("a", TimeRange.All, Token)).Select(r => r.Values[0]));
        await RefreshAsync(store);
        Assert.Equal(6, (await store.AnswerAsync("hourly", Token)).Rows.Single().ReadingCount);
        Assert.Equal(6, (await store.SensorsAsync(Token)).Single().TotalReadings);
        Assert.Equal(3, (await store.CurrentAsync("a", Token)).Values[0]);
        Assert.True((await store.ReadStatusAsync(Token)).AppendOnly);
    }

    [Fact]
    public async Task A_batch_with_an_import_id_is_written_once()
    {
        await using var store = await OpenAsync();
        var batch = Batch("a", First, 1, 2, 3);
        batch.ImportId = "load 1/1";
        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => store.WriteAsync(batch, Token)));
        Assert.Equal(3, results.Sum(r => r.Written));
        Assert.Equal(9, results.Sum(r => r.Unchanged));
        batch.ImportId = "load 1/2";
        Assert.Equal(3, (await store.WriteAsync(batch, Token)).Written);
        await using (var again = await OpenAsync())
        {
            Assert.Equal(new WriteResult(0, 0, 3) { AppendOnly = true }, await again.WriteAsync(batch, Token));
        }

        Assert.Equal(6, (await store.RawAsync(null, TimeRange.All, Token)).Count);
    }

    [Fact]
    public async Task New_sensors_beyond_the_limit_are_refused()
    {
        await using var store = await OpenAsync(new StoreSettings { MaxSensors = 1 });
        await store.WriteAsync(Batch("a", First, 1), Token);
        var batch = Batch("a", First, 2, 3);
        batch.Add("b", First, [4, 4]);
        var result = await store.WriteAsync(batch, Token);
        Assert.Equal((2, 1, 2), (result.Written, result.Refused, result.Refusals![0].Row));
        Assert.Equal([1, 2, 3], (await store.RawAsync(null, TimeRange.All, Token)).Select(r => r.Values[0]).Order());
    }

    [Theory]
    [InlineData(89, 0), InlineData(91, 3)]
    public async Task An_import_id_is_kept_for_90_days(int days, int written)
    {
        await using var store = await OpenAsync();
        var batch = Batch("a", First, 1, 2, 3);
        batch.ImportId = "load";
        await store.WriteAsync(batch, Token);
        await ExecuteAsync($"UPDATE tidemark.imports SET at = at - INTERVAL '{days} days'");
        await store.RetainAsync(Token);
        Assert.Equal(written, (await store.WriteAsync(batch, Token)).Written);
    }

    [Fact]
    public async Task A_batch_that_was_refused_leaves_its_import_id_free()
    {
        await using var store = await OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(30) });
        await store.WriteAsync(Batch("a", First, 1), Token);
        await store.RetainAsync(Token);
        var batch = Batch("a", First, 2);
        batch.ImportId = "late";
        Assert.Equal(
            StoreErrorKind.OlderThanRetention,
            (await Assert.ThrowsAsync<StoreException>(() => store.WriteAsync(batch, Token))).Kind);
        var valid = Batch("a", First + TimeSpan.FromDays(20), 2);
        valid.ImportId = "late";
        Assert.Equal(1, (await store.WriteAsync(valid, Token)).Written);
    }

    [Fact]
    public async Task A_commit_whose_answer_is_lost_is_not_done_twice()
    {
        await using var relay = new LosingRelay(new NpgsqlConnectionStringBuilder(_database.ConnectionString));
        var options = _fixture.Options(new StoreSettings(), relay.ConnectionString) with { AppendOnly = true };
        await using var store = await TimescaleStore.OpenAsync(options, Token);
        await store.InitializeAsync(Token);
        relay.LoseNextCommit();
        Assert.Equal(2, (await store.WriteAsync(Batch("a", First, 1, 2), Token)).Written);
        Assert.Equal(1, relay.Lost);
        Assert.Equal([1, 2], (await store.RawAsync("a", TimeRange.All, Token)).Select(r => r.Values[0]));
    }

    [Fact]
    public async Task A_store_stays_what_it_was_made()
    {
        await using (await OpenAsync())
        {
        }

        var error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(appendOnly: false));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        Assert.Contains("it is append-only, and append_only is not true", error.Message, StringComparison.Ordinal);
        await using var other = await TimescaleDatabase.CreateAsync();
        await using (await OpenAsync(appendOnly: false, database: other))
        {
        }

        error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(database: other));
        Assert.Contains("append_only is true", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_made_by_sql_is_taken_over_with_all_its_readings()
    {
        await ExecuteAsync(
            "CREATE TABLE sensor_data (time timestamptz NOT NULL, sensor_id varchar(50) NOT NULL, temperature float8, humidity float8)",
            "SELECT create_hypertable('sensor_data', 'time', chunk_time_interval => INTERVAL '1 day')",
            "INSERT INTO sensor_data SELECT '2026-03-08 10:00+00', 'a', v FROM generate_series(1, 3) v");
        await using var store = await OpenAsync();
        await store.WriteAsync(Batch("a", First + TimeSpan.FromHours(10), 4), Token);
        await RefreshAsync(store);
        Assert.Equal(4, (await store.AnswerAsync("daily", Token)).Rows.Single().ReadingCount);
        Assert.Equal([1, 2, 3, 4], (await store.RawAsync("a", TimeRange.All, Token)).Select(r => r.Values[0]).Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_comes_in_whatever_order_answers_are_those_of_all_that_was_sent(int seed)
    {
        if (seed > 1)
        {
            TestLength.SkipUnlessShare();
        }

        var random = new Random(seed);
        var sent = new List<Reading>();
        var store = await OpenAsync(new StoreSettings { CompressAfter = TimeSpan.FromDays(2) });
        for (var step = 0; step < 12; step++)
        {
            // Some loads follow what is there, some overlap it, some repeat it; large ones are compressed as they come.
            var from = First + TimeSpan.FromHours(random.Next(3) == 0 ? random.Next(12 * 20) : 20 * step);
            var batch = RandomBatch(random, from, random.Next(2) == 0 ? 5 : 1500);
            var result = await store.WriteAsync(batch, Token);
            Assert.Equal(new WriteResult(batch.Count, 0, 0) { AppendOnly = true }, result);
            sent.AddRange(Enumerable.Range(0, batch.Count).Select(row => batch[row]));
            switch (random.Next(4))
            {
                case 0:
                    await RefreshAsync(store);
                    break;
                case 1:
                    await store.CompressAsync(null, Token);
                    break;
                case 2:
                    await store.DisposeAsync();
                    store = await OpenAsync(new StoreSettings { CompressAfter = TimeSpan.FromDays(2) });
                    break;
            }
        }

        await using (store)
        {
            await RefreshAsync(store);
            Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
            foreach (var sensor in sent.GroupBy(r => r.SensorId, StringComparer.Ordinal))
            {
                var raw = await store.RawAsync(sensor.Key, TimeRange.All, Token);
                Assert.Equal(sensor.Select(r => r.Time).Order(), raw.Select(r => r.Time));
                Assert.Equal(sensor.Select(r => (r.Time, r.Values[0])).Order(), raw.Select(r => (r.Time, r.Values[0])).Order());
                Assert.Equal(Naive(store.Schema.Aggregate("hourly"), sensor), Rows(await store.AnswerAsync("hourly", Token, sensor.Key)));
                Assert.Equal(Naive(store.Schema.Aggregate("monthly"), sensor), Rows(await store.AnswerAsync("monthly", Token, sensor.Key)));
                Assert.Equal(sensor.Max(r => r.Time), (await store.CurrentAsync(sensor.Key, Token)).Time);
            }

            Assert.Equal(sent.Count, (await store.SensorsAsync(Token)).Sum(s => s.TotalReadings));
            var fleet = await store.FleetAsync(new FleetQuery("daily", "temperature", TimeRange.All), Token);
            Assert.Equal(
                Naive(store.Schema.Aggregate("daily"), sent).Select(r => (r.Bucket, r.Count)),
                fleet.Select(p => (p.Bucket, p.ReadingCount)));
        }
    }

    [Fact]
    public async Task A_bulk_load_is_compressed_as_it_comes()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var store = await OpenAsync();
        await store.WriteAsync(RandomBatch(new Random(1), First, 3000), Token);
        Assert.All((await store.ReadStatusAsync(Token)).Chunks, chunk => Assert.True(chunk.Compressed));

        // Once more over the same time: no longer in order, until it is compressed again.
        await store.WriteAsync(RandomBatch(new Random(2), First, 3000), Token);
        Assert.Contains((await store.ReadStatusAsync(Token)).Chunks, chunk => !chunk.Compressed);
        await store.CompressAsync(null, Token);
        Assert.All((await store.ReadStatusAsync(Token)).Chunks, chunk => Assert.True(chunk.Compressed));
    }

    private static ReadingBatch RandomBatch(Random random, Instant from, int perSensor)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        for (var i = 0; i < perSensor; i++)
        {
            foreach (var sensor in (string[])["a", "b", "ü"])
            {
                // Whole values: sums don't depend on their order.
                batch.Add(
                    sensor,
                    from + TimeSpan.FromMinutes(random.Next(8) == 0 ? random.Next(perSensor) : i),
                    [random.Next(100), random.Next(5) == 0 ? double.NaN : 50]);
            }
        }

        return batch;
    }

    private static List<(Instant Bucket, long Count, double Average, double Minimum, double Maximum)> Naive(
        AggregateDefinition aggregate,
        IEnumerable<Reading> readings)
        => [.. readings.GroupBy(r => aggregate.Bucket.Floor(r.Time)).OrderBy(g => g.Key)
            .Select(g => (g.Key, (long)g.Count(), g.Average(r => r.Values[0]), g.Min(r => r.Values[0]), g.Max(r => r.Values[0])))];

    private static List<(Instant Bucket, long Count, double Average, double Minimum, double Maximum)> Rows(Answer answer)
        => [.. answer.Rows.Select(r => (r.Bucket, r.ReadingCount, r.Values[0], r.Values[1], r.Values[2]))];

    private static ReadingBatch Batch(string sensor, Instant from, params double[] temperatures)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        for (var i = 0; i < temperatures.Length; i++)
        {
            batch.Add(sensor, from + TimeSpan.FromMinutes(i), [temperatures[i], double.NaN]);
        }

        return batch;
    }

    private static async Task RefreshAsync(ITelemetryStore store)
    {
        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, Token);
        }
    }

    private async Task<ITelemetryStore> OpenAsync(
        StoreSettings? settings = null,
        bool appendOnly = true,
        TimescaleDatabase? database = null)
    {
        var options = _fixture.Options(
            settings ?? new StoreSettings(),
            (database ?? _database).ConnectionString) with
        { AppendOnly = appendOnly };
        var store = await TimescaleStore.OpenAsync(options, Token);
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

    private async Task ExecuteAsync(params string[] statements)
    {
        await using var source = NpgsqlDataSource.Create(_database.ConnectionString);
        foreach (var statement in statements)
        {
            await using var command = source.CreateCommand(statement);
            await command.ExecuteNonQueryAsync(Token);
        }
    }
}
