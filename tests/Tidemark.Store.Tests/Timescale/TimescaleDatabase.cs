using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// An empty database with TimescaleDB for one test: on the server that <c>TIDEMARK_TEST_TIMESCALE</c> names by a connection
/// string, or else in WebAssembly. Without either the test is skipped, and failed where <c>CI</c> is true.
/// </summary>
internal sealed class TimescaleDatabase : IAsyncDisposable
{
    private static readonly string? Server = Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE") is { Length: > 0 } server ? server : null;
    private static readonly Lazy<Task<string>> Template = new(MakeTemplateAsync);

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
        var name = $"tidemark_test_{Guid.NewGuid():N}";
        await ExecuteAsync(server, $"CREATE DATABASE {name} TEMPLATE {await Template.Value}");
        return For(server, name);
    }

    /// <summary>
    /// A database with the extension and nothing else, to be copied; other test processes may make it at once. Nobody can connect to it, TimescaleDB's own
    /// workers neither: a database that somebody is connected to can't be copied.
    /// </summary>
    private static async Task<string> MakeTemplateAsync()
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Server) { Pooling = false });
        await using var connection = await source.OpenConnectionAsync();
        async Task<object?> AskAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return await command.ExecuteScalarAsync();
        }

        await AskAsync("SELECT pg_advisory_lock(5433)");
        var name = (string)(await AskAsync("SELECT 'tidemark_test_template_' || regexp_replace(default_version, '\\W', '_', 'g') FROM pg_available_extensions WHERE name = 'timescaledb'"))!;
        if (await AskAsync($"SELECT 1 FROM pg_database WHERE datname = '{name}' AND NOT datallowconn") is null)
        {
            await AskAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            await AskAsync($"CREATE DATABASE {name}");
            await ExecuteAsync(For(Server!, name), "CREATE EXTENSION IF NOT EXISTS timescaledb");
            await AskAsync($"ALTER DATABASE {name} ALLOW_CONNECTIONS false");
            await AskAsync($"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'");
        }

        return name;
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
