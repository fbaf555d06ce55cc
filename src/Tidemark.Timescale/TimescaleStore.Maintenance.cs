using System.Globalization;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // A column of a compressed batch is cut into pieces of 2 KB, of which four fill a page. TimescaleDB's thousand readings leave a tenth
    // of the pages
    // empty where a value keeps six to seven of its eight bytes, as noisy doubles do; with more, less is left over. A day at one reading a
    // minute is asked as
    // fast, since it meets fewer batches. TimescaleDB takes the number from the session that compresses; some versions allow no more than
    // their thousand.
    private const int CompressedBatch = 2500;
    private const string BatchLimit = "timescaledb.compression_batch_size_limit";

    private static readonly string SetBatch
        = $"SELECT set_config(name, least({CompressedBatch}, max_val::integer)::text, false) FROM pg_settings WHERE name = '{BatchLimit}'";

    // Compression ends by truncating the rows it replaced, for which it waits until nobody reads them. With a reader there it deletes them
    // at once, and autovacuum takes their space back.
    private const string AvoidWaiting = """
        SELECT set_config('timescaledb.compress_truncate_behaviour',
            CASE WHEN EXISTS (SELECT FROM pg_locks WHERE relation = $1::regclass AND pid <> pg_backend_pid())
                THEN 'truncate_disabled' ELSE 'truncate_or_delete' END, false)
        """;

    /// <summary>For the sessions of the database's own policies, which belong to the role that made them.</summary>
    private static Task SetCompressedBatchAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        => ExecuteAsync(
            connection,
            $"""
            DO $$ DECLARE statement text; BEGIN
                FOR statement IN SELECT format('ALTER ROLE CURRENT_USER IN DATABASE %I SET {BatchLimit} = %s', current_database(),
                    least({CompressedBatch}, max_val::integer)) FROM pg_settings WHERE name = '{BatchLimit}' LOOP
                    EXECUTE statement;
                END LOOP;
            END $$
            """,
            cancellationToken);

    public async Task<CompressResult> CompressAsync(IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var result = new CompressResult(0, 0, 0);
        if (_options.CompressAfter is not { } age)
        {
            return result;
        }

        var due = (await _database.RunAsync(connection => ChunksAsync(connection, cancellationToken), cancellationToken))
            .Where(c => !c.Compressed && c.Range.To + age <= Now).ToList();
        for (var i = 0; i < due.Count; i++)
        {
            var chunk = due[i];
            var after = await _database.RunAsync(
                async connection =>
                {
                    await ExecuteAsync(connection, AvoidWaiting, cancellationToken, chunk.Name);
                    await ExecuteAsync(connection, SetBatch, cancellationToken);
                    await ExecuteAsync(
                        connection,
                        "SELECT compress_chunk($1::regclass, if_not_compressed => true)",
                        cancellationToken,
                        chunk.Name);
                    return (await ChunksAsync(connection, cancellationToken)).FirstOrDefault(c => c.Name == chunk.Name)?.Bytes ?? 0;
                },
                cancellationToken);
            result = new CompressResult(result.Chunks + 1, result.BytesBefore + chunk.Bytes, result.BytesAfter + after);
            progress?.Report(new StoreProgress("compress", (i + 1.0) / due.Count));
        }

        return result;
    }

    public async Task<RetainResult> RetainAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        foreach (var aggregate in _kept.Aggregates)
        {
            await RefreshAsync(aggregate, null, null, cancellationToken);
        }

        await _maintenance.WaitAsync(cancellationToken);
        try
        {
            await _database.RunAsync(
                connection => ExecuteAsync(connection, "SELECT tidemark.forget_imports()", cancellationToken),
                cancellationToken);
            var result = await _database.ChangeAsync(connection => RetainRawAsync(connection, cancellationToken), cancellationToken);
            foreach (var aggregate in Schema.Aggregates.Where(a => a.Retention is not null))
            {
                var dropped = await _database.ChangeAsync(
                    connection => RetainAggregateAsync(connection, aggregate, cancellationToken),
                    cancellationToken);
                result = result with { BucketsDropped = result.BucketsDropped + dropped };
            }

            return result;
        }
        finally
        {
            _maintenance.Release();
        }
    }

    /// <summary>
    /// Drops chunks from the oldest on, up to the first of which something is not materialised; the horizon moves in the same transaction.
    /// </summary>
    private async Task<RetainResult> RetainRawAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        // No write may come between looking and dropping: it would find its chunk gone.
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({WriteFence})", cancellationToken);
        var state = await LoadStateAsync(connection, cancellationToken);
        var result = new RetainResult(0, 0, 0, state.RawHorizon);
        if (_options.Retention is not { } retention)
        {
            return result;
        }

        foreach (var chunk in (await ChunksAsync(connection, cancellationToken)).TakeWhile(c => c.Range.To <= Now - retention))
        {
            if (!await IsMaterialisedAsync(connection, state, chunk, cancellationToken))
            {
                break;
            }

            var parts = new SqlParts();
            var readings = await LongAsync(
                connection,
                parts,
                $"SELECT count(*) FROM {TimescaleSql.Raw} WHERE {TimescaleSql.Within(parts, "time", chunk.Range)}",
                cancellationToken);
            result = result with
            {
                ChunksDropped = result.ChunksDropped + 1,
                ReadingsDropped = result.ReadingsDropped
                + readings,
                RawHorizon = chunk.Range.To
            };
        }

        if (result.ChunksDropped > 0)
        {
            await SkipInvalidationAsync(connection, cancellationToken);
            await ExecuteAsync(
                connection,
                $"INSERT INTO tidemark.invalidations (aggregate, sensor_id, bucket) VALUES ('{Signature}', '', now())",
                cancellationToken);

            // Who still reads these chunks is not waited for while writes wait for this: it is tried again.
            await ExecuteAsync(connection, "SET LOCAL lock_timeout = '500ms'", cancellationToken);
            await ExecuteAsync(
                connection,
                $"SELECT drop_chunks('{TimescaleSql.Raw}', older_than => {Literal(result.RawHorizon)})",
                cancellationToken);
            await SetSettingAsync(
                connection,
                "raw_horizon",
                result.RawHorizon!.Value.Micros.ToString(CultureInfo.InvariantCulture),
                cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    private async Task<bool> IsMaterialisedAsync(
        NpgsqlConnection connection,
        StoreState state,
        ChunkStatus chunk,
        CancellationToken cancellationToken)
    {
        var parts = new SqlParts();
        var last = await InstantAsync(
            connection,
            parts,
            $"SELECT max(time) FROM {TimescaleSql.Raw} WHERE {TimescaleSql.Within(parts, "time", chunk.Range)}",
            cancellationToken);
        foreach (var aggregate in _kept.BuiltFrom(null))
        {
            if ((last is not null && !(last < state.Aggregate(aggregate).Watermark))
                || await FirstInvalidAsync(connection, aggregate, chunk.Range.Widen(aggregate.Bucket), cancellationToken) is not null)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Drops buckets that are older than their retention and materialised in everything built from them.</summary>
    private async Task<long> RetainAggregateAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var state = await LoadStateAsync(connection, cancellationToken);
        var limit = aggregate.Bucket.Floor(Now - aggregate.Retention!.Value);
        foreach (var dependent in _kept.BuiltFrom(aggregate))
        {
            limit = Instant.Min(limit, state.Aggregate(dependent).Watermark ?? Instant.MinValue);
            limit = Instant.Min(limit, await FirstInvalidAsync(connection, dependent, TimeRange.All, cancellationToken) ?? limit);
        }

        limit = Instant.Min(limit, await FirstInvalidAsync(connection, aggregate, TimeRange.All, cancellationToken) ?? limit);
        var old = new TimeRange(Instant.MinValue, limit);
        if (await EdgeOfBucketsAsync(connection, aggregate, old, "max", cancellationToken) is not { } last)
        {
            return 0;
        }

        await SkipInvalidationAsync(connection, cancellationToken);
        var horizon = aggregate.Bucket.End(last);
        var rows = await ExecuteAsync(
            connection,
            $"DELETE FROM {Sql.Table(aggregate)} WHERE {Identifier.Quote(aggregate.BucketColumn)} < {Literal(horizon)}",
            cancellationToken);
        if (aggregate == Schema.Finest)
        {
            await ExecuteAsync(connection, $"DELETE FROM {Sql.FleetTable} WHERE bucket < {Literal(horizon)}", cancellationToken);
        }

        await ExecuteAsync(
            connection,
            "UPDATE tidemark.aggregates SET horizon = $1, rewrites = rewrites + 1 WHERE name = $2",
            cancellationToken,
            horizon.Micros,
            aggregate.Name);
        await transaction.CommitAsync(cancellationToken);
        return rows;
    }

    private static async Task<Instant?> FirstInvalidAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        TimeRange buckets,
        CancellationToken cancellationToken)
    {
        var parts = new SqlParts();
        return await InstantAsync(
            connection, parts, $"SELECT min(bucket) FROM tidemark.pending WHERE aggregate = {parts.Add(aggregate.Name)} AND "
                + $"{TimescaleSql.Within(parts, "bucket", buckets)}", cancellationToken);
    }

    /// <summary>
    /// What is dropped because of its age changes nothing built from it; where TimescaleDB can't be told, refreshes are bounded by the
    /// horizon alone.
    /// </summary>
    private async Task SkipInvalidationAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_skipInvalidation)
        {
            await ExecuteAsync(connection, "SET LOCAL timescaledb.skip_cagg_invalidation = on", cancellationToken);
        }
    }

    /// <summary>
    /// Raw chunks ascending by time, rows left out. One that holds uncompressed rows or batches out of order since its compression counts
    /// as not compressed.
    /// </summary>
    private static async Task<List<ChunkStatus>> ChunksAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT format('%I.%I', c.chunk_schema, c.chunk_name), c.range_start, c.range_end,
                c.is_compressed AND _timescaledb_functions.chunk_status(format('%I.%I', c.chunk_schema, c.chunk_name)::regclass) & 10 = 0,
                coalesce(s.total_bytes, 0)
            FROM timescaledb_information.chunks c LEFT JOIN chunks_detailed_size('{TimescaleSql.Raw}') s USING (chunk_schema, chunk_name)
            WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = '{TimescaleSql.Raw}'::regclass ORDER BY c.range_start
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var chunks = new List<ChunkStatus>();
        while (await reader.ReadAsync(cancellationToken))
        {
            chunks.Add(new ChunkStatus(
                reader.GetString(0),
                new TimeRange(reader.GetInstant(1), reader.GetInstant(2)),
                0,
                reader.GetInt64(4),
                reader.GetBoolean(3)));
        }

        return chunks;
    }
}
