using DuckDB.NET.Data;
using Tidemark.Configuration;
using Tidemark.DuckDb;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>The exercise's queries work on a closed store with any DuckDB client.</summary>
public sealed class ViewTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-views-").FullName;

    [Fact]
    public async Task Sql_users_find_the_hypertable_and_the_aggregates_under_their_names()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var schema = OptionsLoader.Load(new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Schema;
        var hour = schema.Finest.Bucket.Floor(Instant.From(DateTimeOffset.UtcNow)) - TimeSpan.FromHours(30);
        await using (var store = await DuckDbStore.OpenAsync(new DuckDbOptions { Folder = _folder, Schema = schema }, cancellationToken))
        {
            await store.InitializeAsync(cancellationToken);
            var batch = new ReadingBatch([.. DefaultSchema.Metrics.Select(m => m.Name)]);
            batch.Add("boiler", hour, [20, 50, 1000]);
            batch.Add("boiler", hour + TimeSpan.FromMinutes(1.5), [22, double.NaN, 1001]);
            await store.WriteAsync(batch, cancellationToken);
            await store.RefreshAsync("hourly", null, null, cancellationToken);
        }

        using var connection = new DuckDBConnection($"Data Source={Path.Combine(_folder, DuckDbStore.FileName)}");
        connection.Open();
        Assert.Equal(
            (hour + TimeSpan.FromMinutes(1.5)).ToDateTime(),
            Scalar(connection, "SELECT max(time) FROM sensor_data WHERE sensor_id = 'boiler'"));
        Assert.Equal(21.0, Scalar(connection, "SELECT avg_temperature FROM sensor_data_hourly WHERE sensor_id = 'boiler'"));
        Assert.Equal(50.0, Scalar(connection, "SELECT avg_humidity FROM sensor_data_hourly"));
        Assert.Equal(hour.ToDateTime(), Scalar(connection, "SELECT bucket FROM sensor_data_hourly"));
    }

    [Fact]
    public async Task Views_that_a_new_chunk_does_not_change_are_left_alone()
    {
        await WriteAsync(Instant.Utc(2026, 1, 1));
        using (var connection = Open())
        {
            Scalar(connection, "COMMENT ON VIEW sensor_data IS 'mine'; COMMENT ON VIEW sensor_data_hourly IS 'mine'");
        }

        await WriteAsync(Instant.Utc(2026, 6, 1));
        using (var connection = Open())
        {
            Assert.Equal(2L, Scalar(connection, "SELECT count(*) FROM sensor_data"));
            Assert.Equal(
                "sensor_data_hourly",
                Scalar(connection, "SELECT string_agg(view_name) FROM duckdb_views() WHERE comment = 'mine'"));
        }
    }

    private async Task WriteAsync(Instant time)
    {
        var token = TestContext.Current.CancellationToken;
        var schema = OptionsLoader.Load(new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Schema;
        await using var store = await DuckDbStore.OpenAsync(
            new DuckDbOptions { Folder = _folder, Schema = schema, SharedReadings = 1 },
            token);
        await store.InitializeAsync(token);
        var batch = new ReadingBatch([.. DefaultSchema.Metrics.Select(m => m.Name)]);
        batch.Add("boiler", time, [20, 50, 1000]);
        await store.WriteAsync(batch, token);
    }

    private DuckDBConnection Open()
    {
        var connection = new DuckDBConnection($"Data Source={Path.Combine(_folder, DuckDbStore.FileName)}");
        connection.Open();
        return connection;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static object? Scalar(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
