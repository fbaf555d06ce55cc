using System.Globalization;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
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
                await ExecuteAsync(connection, Sql.CreateRaw(_options.ChunkInterval, _options.AppendOnly), cancellationToken);
                await NoteMetricsAsync(connection, _options.Schema.MetricNames, cancellationToken);
            }
        }
        else if (version == SettingVersion)
        {
            var metrics = (await SettingAsync(connection, "metrics", cancellationToken))!.Split(',');
            await NoteMetricsAsync(connection, metrics, cancellationToken);
            await ExecuteAsync(connection, "DELETE FROM tidemark.settings WHERE name = 'metrics'", cancellationToken);
        }
        else if (version != FormatVersion)
        {
            throw Mismatch($"it was written in format {version}, this build reads {SettingVersion} and {FormatVersion}");
        }

        await SetSettingAsync(connection, "format", FormatVersion, cancellationToken);

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

    /// <summary>Metrics may be added; readings written before have nulls for them. Those that are no longer configured stay.</summary>
    private async Task ReconcileMetricsAsync(
        NpgsqlConnection connection,
        IReadOnlyList<AggregateDefinition> stored,
        CancellationToken cancellationToken)
    {
        var added = _options.Schema.MetricNames.Where(name => _catalog.Metrics.Find(name) is null).ToList();
        if (added.Count > 0)
        {
            foreach (var aggregate in stored)
            {
                RequirePlaces(aggregate, _catalog.Metrics.All.Count + added.Count);
            }

            (_catalog, _) = await AddColumnsAsync(connection, stored, added, cancellationToken);
            await ExecuteAsync(connection, "SET LOCAL lock_timeout = 0", cancellationToken);
        }
    }

    /// <returns>All aggregates that the store has, those of the schema as they are configured.</returns>
    private async Task<IReadOnlyList<AggregateDefinition>> CheckDefinitionsAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        var stored = await StoredAggregatesAsync(connection, cancellationToken);
        foreach (var aggregate in Schema.Aggregates)
        {
            var definition = StoredDefinition.Of(aggregate);
            if (stored.FirstOrDefault(s => s.Name == aggregate.Name)?.Definition is { } before && before != definition)
            {
                throw Mismatch($"its aggregate '{aggregate.Name}' is {before}, the configured one {definition}");
            }
        }

        return [.. _kept.Aggregates.Where(a => stored.Any(s => s.Name == a.Name))];
    }

    private async Task ReconcileAggregatesAsync(
        NpgsqlConnection connection,
        IReadOnlyList<AggregateDefinition> stored,
        CancellationToken cancellationToken)
    {
        var kept = Schema.Aggregates.Where(stored.Contains).ToList();
        foreach (var aggregate in kept)
        {
            await ExecuteAsync(connection, $"ALTER MATERIALIZED VIEW {Identifier.Quote(aggregate.Table)} SET "
                + $"(timescaledb.materialized_only = {(IsLive ? "false" : "true")})", cancellationToken);
        }

        foreach (var aggregate in Schema.Aggregates.Except(kept))
        {
            await CreateAggregateAsync(connection, Sql, aggregate, cancellationToken);
            if (stored.Count > 0 && await DroppedAsync(connection, aggregate.Source, cancellationToken) is { } dropped)
            {
                await ExecuteAsync(
                    connection,
                    "UPDATE tidemark.aggregates SET horizon = $1 WHERE name = $2",
                    cancellationToken,
                    aggregate.Bucket.Ceiling(dropped).Micros,
                    aggregate.Name);
            }
        }

        await ReconcileFleetAsync(connection, Sql, cancellationToken);
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
    private async Task ReconcileFleetAsync(NpgsqlConnection connection, TimescaleSql sql, CancellationToken cancellationToken)
    {
        if (await ScalarAsync(connection, "SELECT name FROM tidemark.aggregates WHERE fleet IS NOT NULL", cancellationToken) is string of
            && of == Schema.Finest.Name)
        {
            return;
        }

        await AlterAsync(connection, $"DROP MATERIALIZED VIEW IF EXISTS {TimescaleSql.FleetView}", cancellationToken);
        await AlterAsync(connection, sql.CreateFleet(), cancellationToken);
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

    private void RequirePlaces(AggregateDefinition aggregate, int metrics)
    {
        var values = (ValuesOfMetric * metrics) + aggregate.ExtraColumns.Count;
        if (values > MostValues)
        {
            throw Mismatch($"a row of the aggregate '{aggregate.Name}' would have {values} values, five for each metric and its extra "
                + $"columns, and TimescaleDB keeps {MostValues}");
        }
    }

    private async Task CreateAggregateAsync(
        NpgsqlConnection connection,
        TimescaleSql sql,
        AggregateDefinition aggregate,
        CancellationToken cancellationToken)
    {
        RequirePlaces(aggregate, sql.MetricCount);
        await AlterAsync(connection, sql.CreateAggregate(aggregate, IsLive), cancellationToken);
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
}
