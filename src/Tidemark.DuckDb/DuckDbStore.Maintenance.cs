using System.Globalization;
namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    // A table is put in order once this share of its row groups goes back to sensors that earlier ones had.
    private const double ScatteredShare = 0.25;

    public async Task<CompressResult> CompressAsync(IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var result = new CompressResult(0, 0, 0);
        var chunks = _state.Chunks;
        for (var i = 0; i < chunks.Length; i++)
        {
            var range = chunks[i].Range;
            if (await WriteThread(() => CompressOne(range), cancellationToken) is { } one)
            {
                result = new CompressResult(result.Chunks + 1, result.BytesBefore + one.BytesBefore, result.BytesAfter + one.BytesAfter);
            }

            progress?.Report(new StoreProgress("compress", (i + 1.0) / chunks.Length));
        }

        foreach (var aggregate in Schema.Aggregates)
        {
            await WriteThread(() => PutInOrder(aggregate), cancellationToken);
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

        return await WriteThread(
            () =>
            {
                var result = Transaction(RetainRaw);
                foreach (var aggregate in Schema.Aggregates.Where(a => a.Retention is not null))
                {
                    result = result with
                    {
                        BucketsDropped = result.BucketsDropped
                        + Transaction(state => RetainAggregate(state, aggregate))
                    };
                }

                Checkpoint(always: true);
                return result;
            },
            cancellationToken);
    }

    /// <returns>Sizes when the chunk was closed long enough ago and is compressed now; null when it was left, or only put in
    /// order.</returns>
    private CompressResult? CompressOne(TimeRange range)
    {
        if (_state.Chunks.FirstOrDefault(c => c.Range == range) is not { Compressed: false } chunk)
        {
            return null;
        }

        var due = chunk.Range.To + _options.CompressAfter <= Now;
        if (!due && !IsScattered(chunk.Table))
        {
            return null;
        }

        Checkpoint(always: true);
        var before = StoredBytes(_session, chunk);
        var compressed = chunk with { Id = _nextChunk++, Compressed = due, BytesBefore = due ? before : 0 };
        Transaction(state =>
        {
            _session.Execute(_sql.CreateRaw(compressed.Table));
            CopyInOrder(chunk, compressed);
            _session.Execute($"DROP TABLE {chunk.Table}");
            _session.Execute($"UPDATE internal.chunks SET chunk = {compressed.Id}, compressed = {(due ? "true" : "false")}, bytes_before "
                + $"= {compressed.BytesBefore} WHERE chunk = {chunk.Id}");
            return (state.With(compressed), true);
        });
        Checkpoint(always: true);
        return due ? new CompressResult(1, before, StoredBytes(_session, compressed)) : null;
    }

    /// <summary>Writes an aggregate's table again in (sensor, bucket) order once much of it came bucket by bucket.</summary>
    private bool PutInOrder(AggregateDefinition aggregate)
    {
        var table = DuckDbSql.Table(aggregate);
        if (!IsScattered(table))
        {
            return false;
        }

        Transaction(state =>
        {
            _session.Execute($"CREATE TEMP TABLE ordered AS FROM {table} ORDER BY sensor, bucket");
            _session.Execute($"DROP TABLE {table}");
            _session.Execute(_sql.CreateAggregate(aggregate));
            _session.Execute($"INSERT INTO {table} BY NAME FROM ordered");
            _session.Execute("DROP TABLE ordered");
            return (state with { }, true);
        });
        Checkpoint(always: true);
        return true;
    }

    /// <summary>
    /// Whether reading one sensor meets much of the table, judged by the smallest and largest sensor of each row group. Bulk loads come in
    /// long runs
    /// in (sensor, time) order and read well; what comes minute by minute, or bucket by bucket, does not.
    /// </summary>
    private bool IsScattered(string table) => _session.Scalar($"""
        SELECT count(*) FILTER (lowest < highest_before) > {ScatteredShare.ToString(CultureInfo.InvariantCulture)} * count(*)
        FROM (SELECT lowest, lag(highest) OVER (ORDER BY row_group_id) AS highest_before
              FROM (SELECT row_group_id,
                           min(regexp_extract(stats, 'Min: (\d+)', 1)::INTEGER) AS lowest,
                           max(regexp_extract(stats, 'Max: (\d+)', 1)::INTEGER) AS highest
                    FROM pragma_storage_info('{table.Replace("\"", "", StringComparison.Ordinal)}')
                    WHERE column_name = 'sensor' AND segment_type = 'INTEGER' GROUP BY row_group_id))
        """) is true;

    /// <summary>Copies by one appender: DuckDB's own INSERT in parallel leaves a third of its blocks empty.</summary>
    private void CopyInOrder(Chunk from, Chunk to)
    {
        var source = RentSession();
        try
        {
            using var appender = new ColumnAppender(_session, "store", "internal", $"chunk_{to.Id}", _sql.ColumnOrder);
            appender.AppendFrom(source, $"FROM {from.Table} ORDER BY sensor, minute, micros");
            appender.Complete();
        }
        finally
        {
            ReturnSession(source);
        }
    }

    /// <summary>Drops chunks from the oldest on, up to the first of which something is not materialised.</summary>
    private (StoreState Next, RetainResult Result) RetainRaw(StoreState state)
    {
        var result = new RetainResult(0, 0, 0, state.RawHorizon);
        if (_options.Retention is not { } retention)
        {
            return (state, result);
        }

        var cutoff = Now - retention;
        foreach (var chunk in state.Chunks.TakeWhile(c => c.Range.To <= cutoff && IsMaterialised(state, c)))
        {
            KeepLatest(chunk);
            result = result with
            {
                ChunksDropped = result.ChunksDropped + 1,
                ReadingsDropped = result.ReadingsDropped
                + Count(_session, chunk),
                RawHorizon = chunk.Range.To
            };
            _session.Execute($"DROP TABLE {chunk.Table}");
            _session.Execute($"DELETE FROM internal.chunks WHERE chunk = {chunk.Id}");
        }

        if (result.ChunksDropped == 0)
        {
            return (state, result);
        }

        SetSetting("raw_horizon", result.RawHorizon!.Value.Micros.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return (state with
        {
            Chunks = [.. state.Chunks.Where(c => c.Range.From >= result.RawHorizon)],
            RawHorizon = result
            .RawHorizon
        }, result);
    }

    private bool IsMaterialised(StoreState state, Chunk chunk)
    {
        var last = InstantOf(_session.Scalar($"SELECT max({DuckDbSql.RawMicros}) FROM {chunk.Table}"));
        return _kept.BuiltFrom(null).All(aggregate =>
            (last is null || last < state.Aggregate(aggregate).Watermark)
            && (!state.Aggregate(aggregate).HasInvalidations || FirstInvalid(aggregate, chunk.Range.Widen(aggregate.Bucket)) is null));
    }

    /// <summary>Keeps the readings of the chunk that are their sensors' last: <c>current</c> outlives retention.</summary>
    private void KeepLatest(Chunk chunk)
    {
        _session.Execute($"DELETE FROM internal.latest WHERE sensor IN (SELECT sensor FROM {chunk.Table})");
        _session.Execute($"INSERT INTO internal.latest {DuckDbSql.LatestRowsIn(chunk.Table)}");
    }

    /// <summary>Drops buckets that are older than their retention and materialised in everything built from them.</summary>
    private (StoreState Next, long Result) RetainAggregate(StoreState state, AggregateDefinition aggregate)
    {
        var limit = aggregate.Bucket.Floor(Now - aggregate.Retention!.Value);
        foreach (var dependent in _kept.BuiltFrom(aggregate))
        {
            limit = Instant.Min(limit, state.Aggregate(dependent).Watermark ?? Instant.MinValue);
            limit = Instant.Min(limit, FirstInvalid(dependent, TimeRange.All) ?? limit);
        }

        limit = Instant.Min(limit, FirstInvalid(aggregate, TimeRange.All) ?? limit);
        var dropped = $"FROM {DuckDbSql.Table(aggregate)} WHERE bucket < {DuckDbSql.Literal(limit)}";
        var last = InstantOf(_session.Scalar($"SELECT epoch_us(max(bucket)) {dropped}"));
        if (last is null)
        {
            return (state, 0);
        }

        var rows = _session.Execute($"DELETE {dropped}");
        var horizon = aggregate.Bucket.End(last.Value);
        _session.Execute($"UPDATE internal.aggregates SET horizon = {horizon.Micros} WHERE name = $1", aggregate.Name);
        return (state.With(
            state.Aggregate(aggregate) with { Horizon = horizon, Rewrites = state.Aggregate(aggregate).Rewrites + 1 }), rows);
    }

    private Instant? FirstInvalid(AggregateDefinition aggregate, TimeRange buckets)
        => InstantOf(_session.Scalar($"SELECT epoch_us(min(bucket)) FROM internal.invalidations WHERE aggregate = '{aggregate.Name}' AND "
            + $"{DuckDbSql.Within("bucket", buckets)}"));
}
