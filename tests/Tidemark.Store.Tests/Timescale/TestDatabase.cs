using System.Collections.Concurrent;
using Npgsql;
using Tidemark.Store.Tests.Timescale;

[assembly: AssemblyFixture(typeof(TestDatabases))]

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// An empty database with TimescaleDB, used by one fixture at a time, on the server that <c>TIDEMARK_TEST_TIMESCALE</c> names. Databases
/// are emptied and used again: creating one takes longer than a test.
/// </summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private static readonly string? Server = Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE");
    private static readonly ConcurrentBag<string> Idle = [];
    private static readonly ConcurrentBag<string> All = [];

    private readonly string _name;

    private TestDatabase(string name) => _name = name;

    public string Connection => In(_name);

    public static async Task<TestDatabase> CreateAsync(CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(Server))
        {
            Assert.Skip("there is no TimescaleDB to test on: name one in TIDEMARK_TEST_TIMESCALE");
        }

        if (Idle.TryTake(out var idle))
        {
            return new TestDatabase(idle);
        }

        cancellationToken.ThrowIfCancellationRequested();
        var name = $"tidemark_test_{Guid.NewGuid():N}";
        await ExecuteAsync("postgres", $"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        All.Add(name);
        await ExecuteAsync(name, "CREATE EXTENSION timescaledb");
        return new TestDatabase(name);
    }

    /// <summary>Empties the database; whoever is still connected, after a test that failed, is thrown out.</summary>
    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync(
            _name,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
            """
            DO $$
            DECLARE view text;
            BEGIN
                FOR view IN SELECT format('%I.%I', user_view_schema, user_view_name) FROM _timescaledb_catalog.continuous_agg ORDER BY mat_hypertable_id DESC LOOP
                    EXECUTE 'DROP MATERIALIZED VIEW ' || view;
                END LOOP;
            END $$
            """,
            "DROP TABLE IF EXISTS sensor_data CASCADE",
            "DROP SCHEMA IF EXISTS tidemark CASCADE");
        Idle.Add(_name);
    }

    public static async Task DropAllAsync()
    {
        while (All.TryTake(out var name))
        {
            await ExecuteAsync("postgres", $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        }
    }

    private static string In(string database) => new NpgsqlConnectionStringBuilder(Server) { Database = database }.ConnectionString;

    private static async Task ExecuteAsync(string database, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(In(database)) { Pooling = false, CommandTimeout = 120 }.ConnectionString);
        await connection.OpenAsync();
        foreach (var sql in statements)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}

/// <summary>Drops the databases once all tests are done.</summary>
public sealed class TestDatabases : IAsyncDisposable
{
    public async ValueTask DisposeAsync() => await TestDatabase.DropAllAsync();
}
