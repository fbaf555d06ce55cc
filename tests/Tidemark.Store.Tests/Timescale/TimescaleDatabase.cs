using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// An empty database with TimescaleDB for one test: on the server that <c>TIDEMARK_TEST_TIMESCALE</c> names by a connection
/// string, or else in WebAssembly. Without either the test is skipped, and failed where <c>CI</c> is true.
/// </summary>
internal sealed class TimescaleDatabase : IAsyncDisposable
{
    private const string Template = "tidemark_test_template";

    private static readonly string? Server = Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE") is { Length: > 0 } server ? server : null;
    private static readonly SemaphoreSlim TemplateLock = new(1, 1);
    private static bool _templateMade;

    private readonly WasmTimescale? _wasm;

    private TimescaleDatabase(string connectionString, WasmTimescale? wasm)
    {
        ConnectionString = connectionString;
        _wasm = wasm;
    }

    public string ConnectionString { get; }

    /// <summary>Whether a server runs it: with jobs, and with transactions side by side.</summary>
    public bool IsReal => _wasm is null;

    public static async Task<TimescaleDatabase> CreateAsync()
    {
        if (Server is not null)
        {
            return new TimescaleDatabase(await CreateOnServerAsync(Server), null);
        }

        var wasm = await WasmPool.TakeAsync();
        return new TimescaleDatabase(wasm.ConnectionString, wasm);
    }

    /// <summary>For tests that need more than WebAssembly gives.</summary>
    public static void SkipWithoutServer() =>
        Assert.SkipWhen(Server is null, "needs a TimescaleDB server: set TIDEMARK_TEST_TIMESCALE to its connection string");

    public async ValueTask DisposeAsync()
    {
        await using var source = NpgsqlDataSource.Create(ConnectionString);
        NpgsqlConnection.ClearPool(source.CreateConnection());
        if (_wasm is null)
        {
            await ExecuteAsync(Server!, $"DROP DATABASE {new NpgsqlConnectionStringBuilder(ConnectionString).Database} WITH (FORCE)");
        }
        else
        {
            await WasmPool.GiveBackAsync(_wasm);
        }
    }

    private static async Task<string> CreateOnServerAsync(string server)
    {
        await TemplateLock.WaitAsync();
        try
        {
            if (!_templateMade)
            {
                await ExecuteAsync(server, $"DROP DATABASE IF EXISTS {Template} WITH (FORCE)");
                await ExecuteAsync(server, $"CREATE DATABASE {Template}");
                await ExecuteAsync(For(server, Template), "CREATE EXTENSION IF NOT EXISTS timescaledb");
                _templateMade = true;
            }

            var name = $"tidemark_test_{Guid.NewGuid():N}";
            await ExecuteAsync(server, $"CREATE DATABASE {name} TEMPLATE {Template}");
            return For(server, name);
        }
        finally
        {
            TemplateLock.Release();
        }
    }

    private static string For(string server, string database) => new NpgsqlConnectionStringBuilder(server) { Database = database }.ConnectionString;

    private static async Task ExecuteAsync(string server, string sql)
    {
        // Not pooled: a connection that stays open would keep a database from being dropped or copied.
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server) { Pooling = false });
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
