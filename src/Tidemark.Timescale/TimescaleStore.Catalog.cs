using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private const string MetricsVersion = "(SELECT value::bigint FROM tidemark.settings WHERE name = 'metrics_version')";

    // One statement, so that all of it is of one moment.
    private const string CatalogSql = $"""
        SELECT {MetricsVersion}, (SELECT coalesce(1 + max(position), 0)::smallint FROM tidemark.metrics),
            ARRAY(SELECT position FROM tidemark.metrics WHERE NOT removed ORDER BY position),
            ARRAY(SELECT name FROM tidemark.metrics WHERE NOT removed ORDER BY position),
            ARRAY(SELECT (extract(epoch FROM first_seen) * 1000000)::bigint FROM tidemark.metrics WHERE NOT removed ORDER BY position),
            ARRAY(SELECT CASE WHEN h.id = a.fleet THEN '' ELSE a.name END FROM tidemark.aggregates a
                JOIN _timescaledb_catalog.hypertable h ON h.id IN (a.materialization, a.fleet) ORDER BY h.id),
            ARRAY(SELECT format('%I.%I', h.schema_name, h.table_name) FROM tidemark.aggregates a
                JOIN _timescaledb_catalog.hypertable h ON h.id IN (a.materialization, a.fleet) ORDER BY h.id)
        """;

    /// <summary>
    /// Reads what statements need to know: names and numbers that TimescaleDB gave, the metrics, what this version can do.
    /// </summary>
    private async Task LoadAllAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await LoadCatalogAsync(connection, cancellationToken);
        if (Schema.Aggregates.Select(a => a.Name).Append("").FirstOrDefault(name => !Sql.Materializations.ContainsKey(name)) is { } lost)
        {
            throw Mismatch(
                $"{(lost.Length == 0 ? TimescaleSql.FleetView : $"its aggregate '{lost}'")} was dropped or replaced outside Tidemark");
        }

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

    /// <summary>
    /// The catalog as the connection sees it, and for this process to know unless it knows a later one: a standby may be behind.
    /// </summary>
    private async Task<Catalog> LoadCatalogAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var catalog = await ReadCatalogAsync(connection, cancellationToken);
        if (catalog.Metrics.Version >= _catalog.Metrics.Version)
        {
            _catalog = catalog;
        }

        return catalog;
    }

    private async Task<Catalog> ReadCatalogAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(CatalogSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var stored = reader.GetFieldValue<short[]>(2).Zip(reader.GetFieldValue<string[]>(3), reader.GetFieldValue<long?[]>(4))
            .Select(m => new StoredMetric(
                m.First,
                _options.Schema.MetricIndex(m.Second) is var place and >= 0 ? _options.Schema.Metrics[place] : Metric.Found(m.Second),
                m.Third is { } seen ? new Instant(seen) : null))
            .ToDictionary(m => m.Name);
        var configured = _options.Schema.MetricNames.Where(stored.ContainsKey).ToList();
        var metrics = new MetricCatalog(
            reader.IsDBNull(0) ? 0 : reader.GetInt64(0),
            reader.GetInt16(1),
            [.. configured.Select(name => stored[name]), .. stored.Values.Where(m => !m.Metric.IsConfigured).OrderBy(m => m.Position)]);
        var schema = Schema.With([.. metrics.All.Select(m => m.Metric)]);
        var materializations = reader.GetFieldValue<string[]>(5).Zip(reader.GetFieldValue<string[]>(6))
            .ToDictionary(m => m.First, m => m.Second);
        return new Catalog(metrics, schema, new TimescaleSql(schema)
        {
            Materializations = materializations,
            FleetTable = materializations.GetValueOrDefault("") ?? "",
        });
    }

    /// <summary>The catalog of a version that a snapshot has.</summary>
    private async Task<Catalog> CatalogOfAsync(NpgsqlConnection connection, long version, CancellationToken cancellationToken)
        => _catalog is var known && known.Metrics.Version == version ? known : await LoadCatalogAsync(connection, cancellationToken);

    /// <summary>After a statement met something that another process has taken away or made anew.</summary>
    private async Task<bool> RenewCatalogAsync(NpgsqlConnection connection)
        => _initialized && await LoadCatalogAsync(connection, CancellationToken.None) is not null;

    private async Task LoadKeptAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var stored = await StoredAggregatesAsync(connection, cancellationToken);
        var schema = StoredDefinition.KeepSources(Schema, stored);
        _kept = StoredDefinition.Complete(schema, stored);
        if (schema != Schema)
        {
            _catalog = _catalog with { Schema = schema, Sql = Sql.In(schema) };
        }
    }

    private static async Task<List<StoredAggregate>> StoredAggregatesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
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

        return stored;
    }

    private static async Task<bool> HasCatalogAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        => await ScalarAsync(connection, "SELECT to_regclass('tidemark.settings') IS NOT NULL", cancellationToken) is true;

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

    /// <summary>
    /// Executes what changes tables. TimescaleDB rewrites such a statement as it executes it, so it must be parsed anew each time: the
    /// driver prepares what comes again.
    /// </summary>
    private static Task AlterAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
        => ExecuteAsync(connection, $"DO $alter$ BEGIN EXECUTE $sql${sql}$sql$; END $alter$", cancellationToken);

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
