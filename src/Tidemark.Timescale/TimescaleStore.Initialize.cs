using System.Globalization;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private const string FormatVersion = "1";
    private const string SettingsName = "configuration";
    private static readonly Version Oldest = new(2, 23);

    // The first that compresses what COPY brings where continuous aggregates are kept.
    private static readonly Version DirectCompress = new(2, 24);

    // Eight bytes each, beside an id of up to 200 bytes and a bit for each that is null: a row of PostgreSQL's has to fit into a page of 8 KiB.
    private const int MostValues = 950;

    // Taken by Initialize alone: two processes that start at once create a store once.
    private const long InitializeLock = 0x7469_6465_6d61_726b;

    private int[] _metricOrder = [];

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

                await LoadCatalogAsync(connection, cancellationToken);
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

            // PostgreSQL inside WebAssembly is a process that COPY ends.
            _copy &= !Text(4)!.Contains("emscripten", StringComparison.OrdinalIgnoreCase)
                && !Text(4)!.Contains("wasm", StringComparison.OrdinalIgnoreCase);
            _directCompress = _copy && version >= DirectCompress;
            _engine = $"TimescaleDB {installed}, {string.Join(' ', Text(4)!.Split(' ').Take(2))}";
            return true;
        },
        cancellationToken);

    private StoreException NotUsable(string fault) => new(StoreErrorKind.NotAStore, $"{_database.Location} {fault}");

    /// <summary>
    /// What was configured when the store was last brought up: while that stays, opening it changes nothing and needs no right to.
    /// </summary>
    private string Fingerprint() => string.Join('\n',
        [
            FormatVersion, TimescaleSql.Micros(_options.ChunkInterval), string.Join(',', Schema.Metrics.Select(m => m.Name)),
            $"{_options.RealTime} {_options.AppendOnly} {_options.Maintenance} {_options.CompressAfter} {_options.Retention} "
                + $"{CompressedBatch}",
            .. _options.Schema.Aggregates.Select(a => $"{a.Name} {a.Table} {a.BucketColumn} {a.Retention} {StoredDefinition.Of(a)}"),
            _options.Settings,
        ]);

    private async Task<bool> IsCurrentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        => await HasCatalogAsync(connection, cancellationToken)
            && await SettingAsync(connection, "fingerprint", cancellationToken) == Fingerprint();

    private static async Task<bool> HasCatalogAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        => await ScalarAsync(connection, "SELECT to_regclass('tidemark.settings') IS NOT NULL", cancellationToken) is true;

    private async Task UpgradeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, "CREATE EXTENSION IF NOT EXISTS timescaledb", cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({InitializeLock})", cancellationToken);
        foreach (var script in TimescaleSql.CreateCatalog)
        {
            await ExecuteAsync(connection, script, cancellationToken);
        }

        await ReconcileSettingsAsync(connection, cancellationToken);
        await LoadKeptAsync(connection, cancellationToken);
        var rebuild = await ReconcileMetricsAsync(connection, cancellationToken);
        await ReconcileAggregatesAsync(connection, rebuild, cancellationToken);
        await LoadMaterializationsAsync(connection, cancellationToken);
        await ExecuteAsync(
            connection,
            _sql.CreateNoteSensors((await SettingAsync(connection, "metrics", cancellationToken))!.Split(',')),
            cancellationToken);
        await ReconcileJobsAsync(connection, cancellationToken);
        await SetCompressedBatchAsync(connection, cancellationToken);
        if (_options.Settings is { } settings)
        {
            await SetSettingAsync(connection, SettingsName, settings, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        await LoadCatalogAsync(connection, cancellationToken);
        await SettleAsync(connection, cancellationToken);
        await SetSettingAsync(connection, "fingerprint", Fingerprint(), cancellationToken);
    }

    private async Task ReconcileSettingsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var version = await SettingAsync(connection, "format", cancellationToken);
        if (version is null)
        {
            if (await ScalarAsync(connection, $"SELECT to_regclass('{TimescaleSql.Raw}') IS NOT NULL", cancellationToken) is true)
            {
                await AdoptAsync(connection, cancellationToken);
            }
            else
            {
                await ExecuteAsync(connection, _sql.CreateRaw(_options.ChunkInterval, _options.AppendOnly), cancellationToken);
            }

            await SetSettingAsync(connection, "format", FormatVersion, cancellationToken);
        }
        else if (version != FormatVersion)
        {
            throw Mismatch($"it was written in format {version}, this build reads {FormatVersion}");
        }

        await ReconcileIdentityAsync(connection, isNew: version is null, cancellationToken);
        var interval = TimescaleSql.Micros(_options.ChunkInterval);
        var stored = await SettingAsync(connection, "chunk_interval_micros", cancellationToken);
        if (stored is not null && stored != interval)
        {
            if (await ScalarAsync(connection, $"SELECT EXISTS (SELECT FROM show_chunks('{TimescaleSql.Raw}'))", cancellationToken) is true)
            {
                throw Mismatch($"its chunks span {TimeSpan.FromMicroseconds(long.Parse(stored, CultureInfo.InvariantCulture))}, the "
                    + $"configured chunk_interval is {_options.ChunkInterval}");
            }

            await ExecuteAsync(
                connection,
                $"SELECT set_chunk_time_interval('{TimescaleSql.Raw}', INTERVAL '{interval} microseconds')",
                cancellationToken);
        }

        await SetSettingAsync(connection, "chunk_interval_micros", interval, cancellationToken);
    }

    private async Task ReconcileIdentityAsync(NpgsqlConnection connection, bool isNew, CancellationToken cancellationToken)
    {
        var stored = isNew ? _options.AppendOnly : await SettingAsync(connection, "append_only", cancellationToken) == "true";
        if (stored != _options.AppendOnly)
        {
            throw Mismatch(
                stored ? "it is append-only, and append_only is not true" : "it knows readings by sensor and time, and "
                    + "append_only is true");
        }

        await SetSettingAsync(connection, "append_only", stored ? "true" : "false", cancellationToken);
    }

    /// <summary>Metrics may be added; readings written before have nulls for them.</summary>
    /// <returns>Whether any was.</returns>
    private async Task<bool> ReconcileMetricsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var stored = (await SettingAsync(connection, "metrics", cancellationToken))?.Split(',') ?? [];
        var configured = Schema.Metrics.Select(m => m.Name).ToList();
        if (stored.Except(configured).FirstOrDefault() is { } missing)
        {
            throw Mismatch($"it holds the metric '{missing}', which the configuration lacks");
        }

        var added = configured.Except(stored).ToList();
        var rebuild = stored.Length > 0 && added.Count > 0;
        foreach (var metric in rebuild ? added : [])
        {
            await ExecuteAsync(
                connection,
                $"ALTER TABLE {TimescaleSql.Raw} ADD COLUMN {Identifier.Quote(metric)} double precision",
                cancellationToken);
        }

        await SetSettingAsync(connection, "metrics", string.Join(',', [.. stored, .. added]), cancellationToken);
        return rebuild;
    }

    private async Task ReconcileAggregatesAsync(NpgsqlConnection connection, bool rebuild, CancellationToken cancellationToken)
    {
        var kept = new List<AggregateDefinition>();
        foreach (var aggregate in Schema.Aggregates)
        {
            var definition = StoredDefinition.Of(aggregate);
            var stored = (string?)await ScalarAsync(
                connection,
                "SELECT definition FROM tidemark.aggregates WHERE name = $1",
                cancellationToken,
                aggregate.Name);
            if (stored is not null && stored != definition)
            {
                throw Mismatch($"its aggregate '{aggregate.Name}' is {stored}, the configured one {definition}");
            }

            if (stored is not null)
            {
                kept.Add(aggregate);
            }
        }

        AggregateDefinition[] existing = [.. kept, .. _kept.Aggregates.Except(Schema.Aggregates)];
        if (rebuild && existing.Length > 0)
        {
            await RebuildAggregatesAsync(connection, existing, cancellationToken);
        }

        foreach (var aggregate in kept)
        {
            await ExecuteAsync(connection, $"ALTER MATERIALIZED VIEW {Identifier.Quote(aggregate.Table)} SET "
                + $"(timescaledb.materialized_only = {(IsLive ? "false" : "true")})", cancellationToken);
        }

        foreach (var aggregate in Schema.Aggregates.Except(kept))
        {
            await CreateAggregateAsync(connection, aggregate, cancellationToken);
            if (existing.Length > 0 && await DroppedAsync(connection, aggregate.Source, cancellationToken) is { } dropped)
            {
                await ExecuteAsync(
                    connection,
                    "UPDATE tidemark.aggregates SET horizon = $1 WHERE name = $2",
                    cancellationToken,
                    aggregate.Bucket.Ceiling(dropped).Micros,
                    aggregate.Name);
            }
        }

        await ReconcileFleetAsync(connection, cancellationToken);
    }

    /// <summary>
    /// Up to where an aggregate, or raw (null), has dropped what a new aggregate would be built from, or may have by a policy.
    /// </summary>
    private async Task<Instant?> DroppedAsync(NpgsqlConnection connection, AggregateDefinition? source, CancellationToken cancellationToken)
    {
        if (source is not null)
        {
            return await ScalarAsync(
                connection,
                "SELECT horizon FROM tidemark.aggregates WHERE name = $1",
                cancellationToken,
                source.Name) is long micros ? new Instant(micros) : null;
        }

        var stored = await SettingAsync(connection, "raw_horizon", cancellationToken) is { } text
            ? new Instant(long.Parse(text, CultureInfo.InvariantCulture))
            : (Instant?)null;
        return _options is { Maintenance: Configuration.MaintenanceOwner.Database, Retention: { } retention }
            ? Later(stored, ChunkStart(Now - retention))
            : stored;
    }

    /// <summary>Makes the view over all sensors, anew where the finest aggregate is another one now.</summary>
    private async Task ReconcileFleetAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await ScalarAsync(connection, "SELECT name FROM tidemark.aggregates WHERE fleet IS NOT NULL", cancellationToken) is string of
            && of == Schema.Finest.Name)
        {
            return;
        }

        await ExecuteAsync(connection, $"DROP MATERIALIZED VIEW IF EXISTS {TimescaleSql.FleetView}", cancellationToken);
        await ExecuteAsync(connection, _sql.CreateFleet(), cancellationToken);
        await ExecuteAsync(
            connection,
            $"UPDATE tidemark.aggregates SET fleet = CASE WHEN name = $1 THEN {MaterializationOf("$2")} END",
            cancellationToken,
            Schema.Finest.Name, TimescaleSql.FleetView);
    }

    private static string MaterializationOf(string view) => $"""
        (SELECT h.id FROM timescaledb_information.continuous_aggregates c
        JOIN _timescaledb_catalog.hypertable h ON h.schema_name = c.materialization_hypertable_schema
            AND h.table_name = c.materialization_hypertable_name
        WHERE format('%I.%I', c.view_schema, c.view_name)::regclass = to_regclass({view}))
        """;

    /// <summary>
    /// Whether the views themselves show what isn't materialised yet. The database's own jobs need it: what they build from an aggregate
    /// may come before
    /// that one's refresh. Tidemark's refreshes end at the source's watermark, and without the live part they take a fraction of the time.
    /// </summary>
    private bool IsLive => _options is { RealTime: true, Maintenance: Configuration.MaintenanceOwner.Database };

    private async Task CreateAggregateAsync(NpgsqlConnection connection, AggregateDefinition aggregate, CancellationToken cancellationToken)
    {
        var values = (5 * Schema.Metrics.Count) + aggregate.ExtraColumns.Count;
        if (values > MostValues)
        {
            throw Mismatch($"a row of the aggregate '{aggregate.Name}' would have {values} values, five for each metric and its extra "
                + $"columns, and TimescaleDB keeps {MostValues}");
        }

        await ExecuteAsync(connection, _sql.CreateAggregate(aggregate, IsLive), cancellationToken);
        await ExecuteAsync(
            connection,
            $"""
            INSERT INTO tidemark.aggregates (name, definition, source, width, materialization)
            VALUES ($1, $2, nullif($4, ''), INTERVAL '{aggregate.Bucket.Sql}', {MaterializationOf("$3")})
            ON CONFLICT (name) DO UPDATE SET materialization = excluded.materialization
            """,
            cancellationToken,
            aggregate.Name, StoredDefinition.Of(aggregate), Identifier.Quote(aggregate.Table), aggregate.Source?.Name ?? "");
    }

    private async Task LoadMaterializationsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var materializations = new Dictionary<string, string>();
        await using var command = new NpgsqlCommand(
            """
            SELECT CASE WHEN h.id = a.fleet THEN '' ELSE a.name END, format('%I.%I', h.schema_name, h.table_name)
            FROM tidemark.aggregates a JOIN _timescaledb_catalog.hypertable h ON h.id IN (a.materialization, a.fleet)
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            materializations[reader.GetString(0)] = reader.GetString(1);
        }

        _sql.Materializations = materializations;
        _sql.FleetTable = materializations.GetValueOrDefault("") ?? "";
    }

    private async Task LoadKeptAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var stored = new List<StoredAggregate>();
        await using var command = new NpgsqlCommand(
            """
            SELECT a.name, a.definition, c.view_name, d.column_name::text,
                ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = format('%I.%I', h.schema_name, h.table_name)::regclass
                    AND attnum > 0 AND NOT attisdropped)
            FROM tidemark.aggregates a
            JOIN _timescaledb_catalog.hypertable h ON h.id = a.materialization
            JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id
            JOIN timescaledb_information.continuous_aggregates c ON c.materialization_hypertable_schema = h.schema_name
                AND c.materialization_hypertable_name = h.table_name
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            stored.Add(new StoredAggregate(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetString(2),
                reader.GetString(3),
                reader.GetFieldValue<string[]>(4)));
        }

        Schema = StoredDefinition.KeepSources(Schema, stored);
        _kept = StoredDefinition.Complete(Schema, stored);
    }

    /// <summary>
    /// Reads what statements need to know: names and numbers that TimescaleDB gave, the order of metrics, what this version can do.
    /// </summary>
    private async Task LoadCatalogAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await LoadMaterializationsAsync(connection, cancellationToken);
        if (Schema.Aggregates.Select(a => a.Name).Append("").FirstOrDefault(name => !_sql.Materializations.ContainsKey(name)) is { } lost)
        {
            throw Mismatch(
                $"{(lost.Length == 0 ? TimescaleSql.FleetView : $"its aggregate '{lost}'")} was dropped or replaced outside Tidemark");
        }

        _metricOrder = [.. (await SettingAsync(connection, "metrics", cancellationToken))!.Split(',')
            .Select(name => Schema.MetricIndex(name))];
        _rawId = (int)(await ScalarAsync(
            connection,
            "SELECT h.id FROM _timescaledb_catalog.hypertable h WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = "
                + $"'{TimescaleSql.Raw}'::regclass",
            cancellationToken))!;
        await LoadKeptAsync(connection, cancellationToken);
        await LoadPoliciesAsync(connection, cancellationToken);
        _refreshOptions = await ScalarAsync(
            connection,
            "SELECT max(pronargs) FROM pg_proc WHERE proname = 'refresh_continuous_aggregate'",
            cancellationToken) is short and >= 5;
        _skipInvalidation = await ScalarAsync(
            connection,
            "SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.skip_cagg_invalidation')",
            cancellationToken) is true;
    }

    private static async Task<string?> SettingAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
        => (string?)await ScalarAsync(connection, "SELECT value FROM tidemark.settings WHERE name = $1", cancellationToken, name);

    private static Task SetSettingAsync(NpgsqlConnection connection, string name, string value, CancellationToken cancellationToken)
        => ExecuteAsync(
            connection,
            "INSERT INTO tidemark.settings VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            cancellationToken,
            name,
            value);

    private StoreException Mismatch(string difference)
        => new(StoreErrorKind.SchemaMismatch, $"the store {_database.Location} does not fit the configuration: {difference}; change the "
            + "configuration back or name another database");

    private static async Task<object?> ScalarAsync(
        NpgsqlConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteScalarAsync(cancellationToken) is { } value and not DBNull ? value : null;
    }

    private static async Task<int> ExecuteAsync(
        NpgsqlConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        // Maintenance takes as long as it takes; who waits for it can cancel it.
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        return command;
    }
}
