using System.Collections.Concurrent;
using Npgsql;
using Tidemark.Store.Tests.Timescale;

[assembly: AssemblyFixture(typeof(TimescaleDatabases))]

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A new database with TimescaleDB for one test: on the server that <c>TIDEMARK_TEST_TIMESCALE</c> names by a connection
/// string, or else in WebAssembly. Without either the test is skipped, and failed where <c>CI</c> is true.
/// </summary>
internal sealed class TimescaleDatabase : IAsyncDisposable
{
    private static readonly string? Server = Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE") is { Length: > 0 } server
        ? server
        : null;

    // On a server databases are emptied and used again: creating one takes longer than a test, and dropping one waits for every session
    // there is.
    private static readonly ConcurrentBag<string> Idle = [];
    private static readonly ConcurrentBag<string> Created = [];

    private readonly WasmTimescale? _wasm;

    private TimescaleDatabase(string connectionString, WasmTimescale? wasm)
    {
        ConnectionString = connectionString;
        _wasm = wasm;
    }

    public string ConnectionString { get; }

    /// <summary>Whether a server runs it: with background jobs, cancellation, and transactions side by side.</summary>
    public bool IsReal => _wasm is null;

    public static async Task<TimescaleDatabase> CreateAsync()
    {
        if (Server is null)
        {
            var wasm = await WasmPool.TakeAsync();
            return new TimescaleDatabase(wasm.ConnectionString, wasm);
        }

        if (!Idle.TryTake(out var name))
        {
            // Every other template may have a scheduler of TimescaleDB connected to it, and then can't be copied.
            name = $"tidemark_test_{Guid.NewGuid():N}";
            await ExecuteAsync(Server, $"CREATE DATABASE {name} TEMPLATE template0");
            Created.Add(name);
            await ExecuteAsync(In(name), "CREATE EXTENSION timescaledb");
        }

        return new TimescaleDatabase(In(name), null);
    }

    /// <summary>For tests that need more than WebAssembly gives.</summary>
    public static void SkipWithoutServer() =>
        Assert.SkipWhen(Server is null, "needs a TimescaleDB server: set TIDEMARK_TEST_TIMESCALE to its connection string");

    public async ValueTask DisposeAsync()
    {
        await using (var connection = new NpgsqlConnection(ConnectionString))
        {
            NpgsqlConnection.ClearPool(connection);
        }

        if (_wasm is not null)
        {
            await WasmPool.GiveBackAsync(_wasm);
            return;
        }

        try
        {
            await EmptyAsync();
            Idle.Add(new NpgsqlConnectionStringBuilder(ConnectionString).Database!);
        }
        catch (PostgresException)
        {
            // A background job was in the way: another database takes its place, and this one goes in the end.
        }
    }

    private Task EmptyAsync() => ExecuteAsync(
        ConnectionString,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
            + "backend_type = 'client backend'",
        """
        DO $$
        DECLARE name text;
        BEGIN
            FOR name IN SELECT format('%I.%I', user_view_schema, user_view_name) FROM _timescaledb_catalog.continuous_agg
                ORDER BY mat_hypertable_id DESC LOOP
                EXECUTE 'DROP MATERIALIZED VIEW ' || name;
            END LOOP;
            FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'tidemark') LOOP
                EXECUTE 'DROP TABLE ' || name || ' CASCADE';
            END LOOP;
            DROP SCHEMA IF EXISTS tidemark CASCADE;
            PERFORM delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000;
        END $$
        """);

    public static async Task DropAllAsync()
    {
        while (Created.TryTake(out var name))
        {
            await ExecuteAsync(Server!, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        }
    }

    private static string In(string database) => new NpgsqlConnectionStringBuilder(Server) { Database = database }.ConnectionString;

    private static async Task ExecuteAsync(string server, params string[] statements)
    {
        // Not pooled: a connection that stays open would be in the way of what follows.
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server) { Pooling = false });
        foreach (var sql in statements)
        {
            await using var command = source.CreateCommand(sql);
            command.CommandTimeout = 0;
            await command.ExecuteNonQueryAsync();
        }
    }
}

/// <summary>Drops the databases on a server once all tests are done.</summary>
public sealed class TimescaleDatabases : IAsyncDisposable
{
    public async ValueTask DisposeAsync() => await TimescaleDatabase.DropAllAsync();
}
