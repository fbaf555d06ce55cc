using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>TimescaleDB is there for real, and every database is new.</summary>
public sealed class TimescaleDatabaseTests : IAsyncLifetime
{
    private TimescaleDatabase _database = null!;
    private NpgsqlDataSource _source = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        _source = NpgsqlDataSource.Create(_database.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task It_is_the_community_edition_on_PostgreSQL()
    {
        Assert.Equal("timescale", await ScalarAsync("SHOW timescaledb.license"));
        var version = (string)(await ScalarAsync("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"))!;
        Assert.InRange(new Version(version.Split('-')[0]), new Version(2, 23), new Version(3, 0));
        Assert.InRange(
            int.Parse((string)(await ScalarAsync("SHOW server_version_num"))!, System.Globalization.CultureInfo.InvariantCulture),
            150000,
            999999);
    }

    [Fact]
    public async Task Aggregates_on_aggregates_follow_late_readings_through_compression_until_chunks_are_dropped()
    {
        await ExecuteAsync("""
            CREATE TABLE s (time timestamptz NOT NULL, sensor text NOT NULL, value float8, UNIQUE (sensor, time));
            SELECT create_hypertable('s', by_range('time', INTERVAL '1 day'));
            ALTER TABLE s SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor');
            INSERT INTO s SELECT '2026-01-30Z'::timestamptz + i * INTERVAL '1 minute', 's' || i % 3, i FROM generate_series(0, 5759) i
            """);
        await ExecuteAsync("""
            CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(INTERVAL '1 hour', time) AS bucket, sensor, sum(value) AS sum, count(*) AS count FROM s
                GROUP BY 1, 2 WITH NO DATA
            """);
        await ExecuteAsync("""
            CREATE MATERIALIZED VIEW monthly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket(INTERVAL '1 month', bucket) AS month, sensor, sum(sum) AS sum, sum(count) AS count FROM hourly
                GROUP BY 1, 2 WITH NO DATA
            """);
        const string Months = "SELECT string_agg(format('%s %s', count, sum), ', ' ORDER BY month) FROM monthly WHERE sensor = 's0'";
        const string Expected = "960 1380960, 960 4145760";
        Assert.Equal(Expected, await ScalarAsync(Months));
        await RefreshAsync();
        Assert.Equal(Expected, await ScalarAsync(Months));
        Assert.Equal(4L, await ScalarAsync("SELECT count(compress_chunk(c)) FROM show_chunks('s') c"));
        Assert.Equal(4L, await ScalarAsync("SELECT number_compressed_chunks FROM hypertable_compression_stats('s')"));
        Assert.Equal(Expected, await ScalarAsync(Months));

        await ExecuteAsync("""
            INSERT INTO s VALUES ('2026-01-30 00:03Z', 's0', 1003), ('2026-01-30 00:04Z', 's0', 1)
            ON CONFLICT (sensor, time) DO UPDATE SET value = excluded.value
            """);
        Assert.Equal(Expected, await ScalarAsync(Months));
        await RefreshAsync();
        Assert.Equal("961 1381961, 960 4145760", await ScalarAsync(Months));

        Assert.Equal(2L, await ScalarAsync("SELECT count(*) FROM drop_chunks('s', TIMESTAMPTZ '2026-02-01Z')"));
        Assert.Equal(2880L, await ScalarAsync("SELECT count(*) FROM s"));
        Assert.Equal("961 1381961, 960 4145760", await ScalarAsync(Months));
    }

    [Fact]
    public async Task Policies_can_be_added_and_run()
    {
        await ExecuteAsync("""
            CREATE TABLE s (time timestamptz NOT NULL);
            SELECT create_hypertable('s', by_range('time', INTERVAL '1 day'));
            INSERT INTO s VALUES (now()), (now() - INTERVAL '9 days')
            """);
        var job = (int)(await ScalarAsync("SELECT add_retention_policy('s', INTERVAL '7 days')"))!;
        await ExecuteAsync($"CALL run_job({job})");
        Assert.Equal(1L, await ScalarAsync("SELECT count(*) FROM s"));
    }

    [Fact]
    public async Task Each_database_is_new()
    {
        for (var i = 0; i < 3; i++)
        {
            await using var database = await TimescaleDatabase.CreateAsync();
            await using var source = NpgsqlDataSource.Create(database.ConnectionString);
            await using var command = source.CreateCommand("""
                SELECT (SELECT count(*) FROM timescaledb_information.hypertables) + (SELECT count(*) FROM timescaledb_information.jobs
                    WHERE job_id >= 1000)
                """);
            Assert.Equal(0L, await command.ExecuteScalarAsync(Token));
            command.CommandText = "CREATE TABLE s (time timestamptz NOT NULL); SELECT create_hypertable('s', 'time'); SELECT "
                + "add_retention_policy('s', INTERVAL '7 days')";
            await command.ExecuteNonQueryAsync(Token);
        }
    }

    private async Task RefreshAsync()
    {
        await ExecuteAsync("CALL refresh_continuous_aggregate('hourly', NULL, '2026-03-01Z')");
        await ExecuteAsync("CALL refresh_continuous_aggregate('monthly', NULL, '2026-03-01Z')");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Token);
    }
}
