using System.Diagnostics;
using Npgsql;
using Tidemark.Configuration;
using Tidemark.Timescale;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>A database of its own on a TimescaleDB server, dropped in the end; and PostgreSQL's own programs on it.</summary>
internal sealed class BenchDatabase : IAsyncDisposable
{
    private readonly string _server;
    private readonly NpgsqlConnectionStringBuilder _settings;

    private BenchDatabase(string server, string name)
    {
        _server = server;
        _settings = new NpgsqlConnectionStringBuilder(server) { Database = name, CommandTimeout = 0, IncludeErrorDetail = true };
    }

    public string Connection => _settings.ConnectionString;

    /// <summary>The store's URI. The password goes by <see cref="Environment"/>, which no process list shows.</summary>
    public string StoreUri
        => $"postgresql://{Uri.EscapeDataString(_settings.Username!)}@{_settings.Host}:{_settings.Port}/{_settings.Database}";

    /// <summary>For processes: the password, and nobody but the benchmark maintains.</summary>
    public IReadOnlyDictionary<string, string> Environment
        => new Dictionary<string, string> { ["PGPASSWORD"] = _settings.Password ?? "", ["TIDEMARK_MAINTENANCE"] = "external" };

    public static async Task<BenchDatabase> CreateAsync(string server, string name, CancellationToken cancellationToken)
    {
        await ExecuteAsync(server, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)", cancellationToken);
        await ExecuteAsync(server, $"CREATE DATABASE {name}", cancellationToken);
        var database = new BenchDatabase(server, name);
        await database.ExecuteAsync("CREATE EXTENSION IF NOT EXISTS timescaledb", cancellationToken);
        return database;
    }

    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="appendOnly">Whether it has no key.</param>
    /// <param name="addColumns">Whether aggregates gain columns; else they are made anew, as on servers before 2.28.</param>
    public async Task<ITelemetryStore> OpenStoreAsync(
        CancellationToken cancellationToken,
        bool appendOnly = false,
        bool addColumns = true)
    {
        var store = await TimescaleStore.OpenAsync(
            new TimescaleOptions
            {
                Connection = Connection,
                Schema = DataSet.Schema,
                Maintenance = MaintenanceOwner.External,
                AppendOnly = appendOnly,
                AddColumns = addColumns,
            }, cancellationToken);
        await store.InitializeAsync(cancellationToken);
        return store;
    }

    public Task ExecuteAsync(string sql, CancellationToken cancellationToken) => ExecuteAsync(Connection, sql, cancellationToken);

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(Connection);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Runs <c>psql</c> or <c>pgbench</c>, which must be on the path, and answers what it printed.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="cancellationToken">Leaves it alone.</param>
    /// <param name="options">Settings of its sessions, as <c>PGOPTIONS</c> takes them.</param>
    public async Task<string> RunAsync(string program, string[] arguments, CancellationToken cancellationToken, string? options = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PGHOST"] = _settings.Host;
        start.Environment["PGPORT"] = $"{_settings.Port}";
        start.Environment["PGUSER"] = _settings.Username;
        start.Environment["PGPASSWORD"] = _settings.Password;
        start.Environment["PGDATABASE"] = _settings.Database;
        start.Environment["PGOPTIONS"] = options;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await errors}");
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await ExecuteAsync(_server, $"DROP DATABASE IF EXISTS {_settings.Database} WITH (FORCE)", CancellationToken.None);
    }

    private static async Task ExecuteAsync(string connectionString, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
