using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private const string FormatVersion = "2";

    // The last that has its metrics in a setting.
    private const string SettingVersion = "1";
    private const string SettingsName = "configuration";
    private static readonly Version Oldest = new(2, 23);

    // The first that compresses what COPY brings where continuous aggregates are kept.
    private static readonly Version DirectCompress = new(2, 24);

    // The first that adds columns to a continuous aggregate.
    private static readonly Version AddColumn = new(2, 28);

    // Taken by whoever changes tables: two processes that start at once create a store once.
    private const long InitializeLock = 0x7469_6465_6d61_726b;

    public async Task InitializeAsync(CancellationToken cancellationToken)
    {
        // Noted even when nothing is to do: another process may have done it just now.
        await _database.ChangeAsync(
            async connection =>
            {
                if (!await IsCurrentAsync(connection, cancellationToken))
                {
                    await UpgradeAsync(connection, cancellationToken);
                }

                await LoadAllAsync(connection, cancellationToken);
                await LoadStateAsync(connection, cancellationToken);
                return true;
            },
            cancellationToken);
        _initialized = true;
    }

    private Task<bool> CheckServerAsync(CancellationToken cancellationToken) => _database.RunAsync(
        async connection =>
        {
            await using var command = new NpgsqlCommand(
                """
                SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
                    (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
                    current_setting('timescaledb.license', true), current_setting('server_encoding'), version()
                """,
                connection);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
            var installed = Text(0) ?? Text(1)
                ?? throw NotUsable("has no TimescaleDB: use the image timescale/timescaledb, or install the extension and put it into "
                    + "shared_preload_libraries");
            if (Version.TryParse(installed.Split('-')[0], out var version) && version < Oldest)
            {
                throw NotUsable($"runs TimescaleDB {installed}, Tidemark needs {Oldest} or newer: upgrade the image, then run ALTER "
                    + "EXTENSION timescaledb UPDATE");
            }

            if (Text(2) == "apache")
            {
                throw new StoreException(StoreErrorKind.NotAStore, TimescaleErrors.ApacheEdition(_database.Location));
            }

            if (Text(3) != "UTF8")
            {
                throw NotUsable($"is encoded in {Text(3)}, and sensor ids are Unicode: create the database with ENCODING 'UTF8'");
            }

            // PostgreSQL inside WebAssembly is a process that COPY ends, and whose notifications come to anybody.
            _listens = !IsInWebAssembly(Text(4)!);
            _copy &= _listens;
            _directCompress = _copy && version >= DirectCompress;
            _addColumns = _options.AddColumns && version >= AddColumn;
            _engine = $"TimescaleDB {installed}, {string.Join(' ', Text(4)!.Split(' ').Take(2))}";
            return true;
        },
        cancellationToken);

    private static bool IsInWebAssembly(string version)
        => version.Contains("emscripten", StringComparison.OrdinalIgnoreCase)
            || version.Contains("wasm", StringComparison.OrdinalIgnoreCase);

    private StoreException NotUsable(string fault) => new(StoreErrorKind.NotAStore, $"{_database.Location} {fault}");

    /// <summary>
    /// What was configured when the store was last brought up: while that stays, opening it changes nothing and needs no right to.
    /// </summary>
    private string Fingerprint() => string.Join('\n',
        [
            FormatVersion, "commits documents", TimescaleSql.Micros(_options.ChunkInterval), string.Join(',', _options.Schema.MetricNames),
            $"{_options.RealTime} {_options.AppendOnly} {_options.Maintenance} {_options.CompressAfter} {_options.Retention} "
                + $"{CompressedBatch}",
            .. _options.Schema.Aggregates.Select(a => $"{a.Name} {a.Table} {a.BucketColumn} {a.Retention} {StoredDefinition.Of(a)}"),
            _options.Settings,
        ]);

    private async Task<bool> IsCurrentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        => await HasCatalogAsync(connection, cancellationToken)
            && await SettingAsync(connection, "fingerprint", cancellationToken) == Fingerprint();

    private async Task UpgradeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var (catalog, kept) = (_catalog, _kept);
        try
        {
            await UpgradeTablesAsync(connection, cancellationToken);
        }
        catch
        {
            // What its transaction had is not there.
            (_catalog, _kept) = (catalog, kept);
            throw;
        }

        await LoadAllAsync(connection, cancellationToken);
        await SettleAsync(connection, cancellationToken);
        await SetSettingAsync(connection, "fingerprint", Fingerprint(), cancellationToken);
    }

    private async Task UpgradeTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, "CREATE EXTENSION IF NOT EXISTS timescaledb", cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({InitializeLock})", cancellationToken);
        foreach (var script in TimescaleSql.CreateCatalog)
        {
            await ExecuteAsync(connection, script, cancellationToken);
        }

        await NoteSettingsAsync(connection, cancellationToken);
        await ReconcileSettingsAsync(connection, cancellationToken);
        await LoadCatalogAsync(connection, cancellationToken);
        await LoadKeptAsync(connection, cancellationToken);
        var stored = await CheckDefinitionsAsync(connection, cancellationToken);
        await FillSentAsync(connection, stored, cancellationToken);
        await ReconcileMetricsAsync(connection, stored, cancellationToken);
        await ReconcileAggregatesAsync(connection, stored, cancellationToken);
        await LoadCatalogAsync(connection, cancellationToken);
        await ExecuteAsync(connection, Sql.CreateNoteSensors(_catalog.Metrics.Names), cancellationToken);
        await ReconcileJobsAsync(connection, cancellationToken);
        await SetCompressedBatchAsync(connection, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task NoteSettingsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_options.Settings is not { } settings)
        {
            return;
        }

        var stored = await SettingAsync(connection, SettingsName, cancellationToken);
        if (stored is not null && stored != settings && stored != _options.SettingsBefore)
        {
            throw StoreException.OtherSettings($"the store {_database.Location}");
        }

        await SetSettingAsync(connection, SettingsName, settings, cancellationToken);
    }
}
