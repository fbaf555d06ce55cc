using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>An empty database with TimescaleDB, used by one fixture: on the server that <c>TIDEMARK_TEST_TIMESCALE</c> names.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private static readonly string? Server = Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE");
    private static readonly Lazy<Task<string>> Template = new(CreateTemplateAsync);

    // Databases are copied from the template one at a time: it must have no other session.
    private static readonly SemaphoreSlim Copying = new(1);

    private readonly string _name;

    private TestDatabase(string name) => _name = name;

    public string Connection => In(_name);

    public static async Task<TestDatabase> CreateAsync(CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(Server))
        {
            Assert.Skip("there is no TimescaleDB to test on: name one in TIDEMARK_TEST_TIMESCALE");
        }

        var template = await Template.Value;
        var name = $"tidemark_test_{Guid.NewGuid():N}";
        await Copying.WaitAsync(cancellationToken);
        try
        {
            await ExecuteAsync("postgres", $"CREATE DATABASE {name} TEMPLATE {template}");
        }
        finally
        {
            Copying.Release();
        }

        return new TestDatabase(name);
    }

    public async ValueTask DisposeAsync() => await ExecuteAsync("postgres", $"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");

    /// <summary>A database that only has the extension; nobody, TimescaleDB's scheduler included, may connect to it.</summary>
    private static async Task<string> CreateTemplateAsync()
    {
        var name = $"tidemark_template_{Environment.ProcessId}";
        await ExecuteAsync("postgres", $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        await ExecuteAsync("postgres", $"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        await ExecuteAsync(name, "CREATE EXTENSION IF NOT EXISTS timescaledb");
        await ExecuteAsync("postgres", $"ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        await ExecuteAsync("postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => ExecuteAsync("postgres", $"DROP DATABASE IF EXISTS {name} WITH (FORCE)").GetAwaiter().GetResult();
        return name;
    }

    private static string In(string database) => new NpgsqlConnectionStringBuilder(Server) { Database = database }.ConnectionString;

    private static async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(In(database)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
