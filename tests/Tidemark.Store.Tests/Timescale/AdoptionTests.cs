using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Databases that SQL made, as the exercise's scripts do, and SQL that reads a store.</summary>
public sealed class AdoptionTests : TimescaleTest
{
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
}
