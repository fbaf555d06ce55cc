using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A new database with TimescaleDB for one test: on the server that <c>TIDEMARK_TEST_TIMESCALE</c> names by a connection
/// string, or else in WebAssembly. Without either the test is skipped, and failed where <c>CI</c> is true.
/// </summary>
internal sealed class TimescaleDatabase : IAsyncDisposable
{
    private static readonly string? Server = Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE") is { Length: > 0 } server ? server : null;

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

        var name = $"tidemark_test_{Guid.NewGuid():N}";
        var database = new TimescaleDatabase(new NpgsqlConnectionStringBuilder(Server) { Database = name }.ConnectionString, null);

        // Every other template may have a scheduler of TimescaleDB connected to it, and then can't be copied.
        await ExecuteAsync(Server, $"CREATE DATABASE {name} TEMPLATE template0");
        await ExecuteAsync(database.ConnectionString, "CREATE EXTENSION timescaledb");
        return database;
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

        if (_wasm is null)
        {
            await ExecuteAsync(Server!, $"DROP DATABASE {new NpgsqlConnectionStringBuilder(ConnectionString).Database} WITH (FORCE)");
        }
        else
        {
            await WasmPool.GiveBackAsync(_wasm);
        }
    }

    private static async Task ExecuteAsync(string server, string sql)
    {
        // Not pooled: a connection that stays open would be in the way of what follows.
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server) { Pooling = false });
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
