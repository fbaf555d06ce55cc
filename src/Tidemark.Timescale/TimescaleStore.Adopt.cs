using System.Globalization;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    /// <summary>
    /// Takes over a table of readings that was made by SQL, as the exercise's scripts make it: 1. its columns must be readings; 2. an
    /// aggregate that raw readings still give is dropped and made anew, one that they don't is kept under another name or refused;
    /// 3. readings that stand twice are put aside and the key is made; 4. the bookkeeping is filled.
    /// </summary>
    private async Task AdoptAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var added = await CheckColumnsAsync(connection, cancellationToken);
        var (rawId, interval) = await HypertableAsync(connection, cancellationToken);
        var views = await OldAggregatesAsync(connection, cancellationToken);
        foreach (var old in views)
        {
            await GiveWayAsync(connection, old, cancellationToken);
        }

        if (rawId is null)
        {
            await ExecuteAsync(connection, $"SELECT create_hypertable('{TimescaleSql.Raw}', by_range('time', INTERVAL "
                + $"'{TimescaleSql.Micros(_options.ChunkInterval)} microseconds'), create_default_indexes => false, migrate_data "
                + "=> true)", cancellationToken);
        }
        else if (interval != _options.ChunkInterval)
        {
            throw Mismatch($"its chunks span {interval}, the configured chunk_interval is {_options.ChunkInterval}");
        }

        await ReconcileKeyAsync(connection, cancellationToken);
        foreach (var metric in added)
        {
            await ExecuteAsync(
                connection,
                $"ALTER TABLE {TimescaleSql.Raw} ADD COLUMN {Identifier.Quote(metric)} double precision",
                cancellationToken);
        }

        await ExecuteAsync(connection, $"ALTER TABLE {TimescaleSql.Raw} SET (timescaledb.compress, timescaledb.compress_segmentby = "
            + "'sensor_id', timescaledb.compress_orderby = 'time')", cancellationToken);
        await ExecuteAsync(
            connection,
            "INSERT INTO tidemark.sensors (sensor_id, time, metrics) SELECT DISTINCT ON (sensor_id) sensor_id, time, "
                + $"ARRAY[{string.Join(", ", Schema.MetricNames.Select(Identifier.Quote))}] FROM {TimescaleSql.Raw} "
                + "ORDER BY sensor_id, time DESC",
            cancellationToken);
        await NoteMetricsAsync(connection, Schema.MetricNames, cancellationToken);
    }

    private sealed record OldAggregate(string Name, string Quoted, string Materialization, string? Bucket, bool Counts);

    /// <returns>The configured metrics that the table lacks.</returns>
    private async Task<List<string>> CheckColumnsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var columns = new Dictionary<string, string>();
        await using (var command = new NpgsqlCommand("SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid "
            + $"= '{TimescaleSql.Raw}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum", connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                columns[reader.GetString(0)] = reader.GetString(1);
            }
        }

        void Require(string column, params string[] types)
        {
            var type = columns.GetValueOrDefault(column);
            if (!types.Contains(type))
            {
                throw Mismatch($"it has a table {TelemetrySchema.RawTable} of something else, whose column '{column}' is "
                    + $"{type ?? "missing"}, not {types[0]}: rename that table");
            }
        }

        Require("time", "timestamp with time zone");
        Require("sensor_id", "character varying", "text");
        var known = Schema.Metrics.Select(m => m.Name).ToList();
        known.Where(columns.ContainsKey).ToList().ForEach(metric => Require(metric, "double precision"));
        return columns.Keys.Except(known).FirstOrDefault(c => c is not ("time" or "sensor_id")) is { } other
            ? throw Mismatch($"it has a table {TelemetrySchema.RawTable} with a column '{other}', which is no configured metric")
            : known.Where(m => !columns.ContainsKey(m)).ToList();
    }

    private static async Task<(int? Id, TimeSpan Interval)> HypertableAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT h.id, (extract(epoch FROM d.time_interval) * 1000000)::bigint FROM timescaledb_information.dimensions d
            JOIN _timescaledb_catalog.hypertable h ON h.schema_name = d.hypertable_schema AND h.table_name = d.hypertable_name
            WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = '{TimescaleSql.Raw}'::regclass AND d.column_name = 'time'
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (reader.GetInt32(0), TimeSpan.FromMicroseconds(reader.GetInt64(1)))
            : (null, default);
    }

    /// <summary>Continuous aggregates under the names of configured ones, those built from others first.</summary>
    private async Task<List<OldAggregate>> OldAggregatesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT c.user_view_name::text, format('%I.%I', c.user_view_schema, c.user_view_name), format('%I.%I', h.schema_name,
                h.table_name),
                (SELECT column_name::text FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = h.id LIMIT 1),
                EXISTS (SELECT FROM pg_attribute WHERE attrelid = format('%I.%I', h.schema_name, h.table_name)::regclass
                    AND attname = 'reading_count')
            FROM _timescaledb_catalog.continuous_agg c JOIN _timescaledb_catalog.hypertable h ON h.id = c.mat_hypertable_id
            WHERE c.user_view_name::text = ANY ($1) ORDER BY h.id DESC
            """,
            connection)
        {
            Parameters = { new NpgsqlParameter { Value = Schema.Aggregates.Select(a => a.Table).ToArray() } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<OldAggregate>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new OldAggregate(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetString(2),
                reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetBoolean(4)));
        }

        return found;
    }

    private async Task GiveWayAsync(NpgsqlConnection connection, OldAggregate old, CancellationToken cancellationToken)
    {
        var aggregate = Schema.Aggregates.Single(a => a.Table == old.Name);
        var bucket = $"\"{old.Bucket?.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        var more = old.Counts ? "r.readings IS NULL OR r.readings < o.reading_count" : "r.readings IS NULL";
        var lost = await ScalarAsync(
            connection,
            $"""
            SELECT to_char(min(o.{bucket}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM {old.Materialization} o
            LEFT JOIN (SELECT {TimescaleSql.Bucket(aggregate.Bucket, "time")} AS b, sensor_id, count(*) AS readings FROM {TimescaleSql.Raw}
                GROUP BY 1, 2) r
                ON r.b = o.{bucket} AND r.sensor_id = o.sensor_id
            WHERE {more}
            """,
            cancellationToken);
        if (lost is null)
        {
            await ExecuteAsync(connection, $"DROP MATERIALIZED VIEW {old.Quoted}", cancellationToken);
        }
        else if (_options.KeepAggregatesAs is { } suffix)
        {
            await ExecuteAsync(
                connection,
                $"ALTER MATERIALIZED VIEW {old.Quoted} RENAME TO {Identifier.Quote($"{old.Name}_{suffix}")}",
                cancellationToken);
            await SetOldestChunkAsHorizonAsync(connection, cancellationToken);
        }
        else
        {
            throw new StoreException(
                StoreErrorKind.SchemaMismatch,
                $"the aggregate {old.Name} of {_database.Location} holds buckets, from {lost} on, that its raw readings no longer give: "
                    + $"keep it under another name with 'tidemark init --keep-aggregates-as old', which makes it {old.Name}_old");
        }
    }

    /// <summary>What raw readings lack was dropped before the oldest chunk that is left.</summary>
    private static async Task SetOldestChunkAsHorizonAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if ((await ChunksAsync(connection, cancellationToken)).FirstOrDefault() is { } oldest)
        {
            await SetSettingAsync(
                connection,
                "raw_horizon",
                oldest.Range.From.Micros.ToString(CultureInfo.InvariantCulture),
                cancellationToken);
        }
    }

    private async Task ReconcileKeyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!_options.AppendOnly)
        {
            await MakeKeyAsync(connection, cancellationToken);
        }
        else if (await ScalarAsync(
            connection,
            $"SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = '{TimescaleSql.Raw}'::regclass AND indisunique LIMIT 1",
            cancellationToken) is string key)
        {
            throw Mismatch($"its readings have a unique index, {key}, and append_only is true");
        }
        else
        {
            await ExecuteAsync(connection, TimescaleSql.CreateSensorIndex, cancellationToken);
        }
    }

    /// <summary>
    /// Makes (sensor_id, time) unique. Of readings that stand twice the one that is physically last in its chunk stays, since which was
    /// written last can't be known; the others are put aside into <c>tidemark.duplicates</c>.
    /// </summary>
    private static async Task MakeKeyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await ScalarAsync(
            connection,
            $"""
            SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = '{TimescaleSql.Raw}'::regclass AND i.indisunique AND i.indpred IS NULL
                AND (
                SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid
                    AND a.attnum = ANY (i.indkey)) = ARRAY['sensor_id', 'time'])
            """,
            cancellationToken) is true)
        {
            return;
        }

        foreach (var sql in new[]
        {
            $"SELECT remove_compression_policy('{TimescaleSql.Raw}', if_exists => true)",
            "SELECT decompress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass, if_compressed => true) FROM "
                + "timescaledb_information.chunks WHERE is_compressed AND format('%I.%I', hypertable_schema, hypertable_name)::regclass "
                + $"= '{TimescaleSql.Raw}'::regclass",
            $"ALTER TABLE {TimescaleSql.Raw} SET (timescaledb.compress = false)",
            "CREATE TEMP TABLE twice ON COMMIT DROP AS SELECT chunk, row FROM (SELECT tableoid AS chunk, ctid AS row, row_number() OVER "
                + $"(PARTITION BY sensor_id, time ORDER BY ctid DESC) AS place FROM {TimescaleSql.Raw}) t WHERE place > 1",
            $"CREATE TABLE IF NOT EXISTS tidemark.duplicates AS SELECT * FROM {TimescaleSql.Raw} WHERE false",
            $"INSERT INTO tidemark.duplicates SELECT * FROM {TimescaleSql.Raw} WHERE (tableoid, ctid) IN (SELECT chunk, row FROM twice)",
            $"DELETE FROM {TimescaleSql.Raw} WHERE (tableoid, ctid) IN (SELECT chunk, row FROM twice)",
            $"ALTER TABLE {TimescaleSql.Raw} ADD PRIMARY KEY (sensor_id, time)",
        })
        {
            await ExecuteAsync(connection, sql, cancellationToken);
        }
    }
}
