using System.Globalization;
namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    // A table is put in order once this share of its row groups goes back to sensors that earlier ones had.
    private const double ScatteredShare = 0.25;

    // A checkpoint writes the catalog of all tables, so chunks share one until they make up this many readings.
    private const long ReadingsPerCheckpoint = 200_000;

    // So many tables are put together at once, so that a writer waits for no more.
    private const int MostMerged = 256;

    public async Task<CompressResult> CompressAsync(IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var compression = new Compression(this);
        while (await WriteThread(compression.Next, cancellationToken) is { } done)
        {
            progress?.Report(new StoreProgress("compress", done));
        }

        var result = await WriteThread(compression.Finish, cancellationToken);
        foreach (var aggregate in Schema.Aggregates)
        {
            await WriteThread(() => PutInOrder(aggregate), cancellationToken);
            await WriteThread(() => PutMapInOrder(aggregate), cancellationToken);
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
                _rawPages.Clear();
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
            WriteAgain(table, DuckDbSql.CreateAggregate(aggregate, state.Metrics), "sensor, bucket");
            return (state with { }, true);
        });
        Checkpoint(always: true);
        return true;
    }

    /// <summary>The same of its metrics in the map.</summary>
    private bool PutMapInOrder(AggregateDefinition aggregate)
    {
        var table = DuckDbSql.MapTable(aggregate);
        if (!_state.Metrics.HasMap || !IsScattered(table))
        {
            return false;
        }

        Transaction(state =>
        {
            WriteAgain(table, DuckDbSql.CreateMapTable(aggregate), "sensor, metric, bucket");
            return (state with { }, true);
        });
        Checkpoint(always: true);
        return true;
    }

    private void WriteAgain(string table, string create, string order)
    {
        _session.Execute($"CREATE TEMP TABLE ordered AS FROM {table} ORDER BY {order}");
        _session.Execute($"DROP TABLE {table}");
        _session.Execute(create);
        _session.Execute($"INSERT INTO {table} BY NAME FROM ordered");
        _session.Execute("DROP TABLE ordered");
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

    /// <summary>Drops what is older by whole chunk intervals, up to the first of which something is not materialised.</summary>
    private (StoreState Next, RetainResult Result) RetainRaw(StoreState state)
    {
        var result = new RetainResult(0, 0, 0, state.RawHorizon);
        if (_options.Retention is not { } retention)
        {
            return (state, result);
        }

        var dropped = new TimeRange(Instant.MinValue, NotMaterialised(state, IntervalOf(Now - retention).From));
        foreach (var chunk in state.ChunksIn(dropped))
        {
            var intervals = CountByInterval(chunk, dropped);
            if (intervals.Count > 0)
            {
                KeepLatest(state.Metrics, chunk, dropped);
                var horizon = IntervalOf(intervals.Keys.Max()).To;
                result = result with
                {
                    ChunksDropped = result.ChunksDropped + intervals.Count,
                    ReadingsDropped = result.ReadingsDropped + intervals.Values.Sum(),
                    RawHorizon = horizon,
                };
                state = DropBefore(state, chunk, horizon);
            }
        }

        if (result.ChunksDropped == 0)
        {
            return (state, result);
        }

        SetSetting("raw_horizon", result.RawHorizon!.Value.Micros.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return (state with { RawHorizon = result.RawHorizon }, result);
    }

    /// <summary>The start of the first chunk interval of which something is not materialised yet, at most the limit.</summary>
    private Instant NotMaterialised(StoreState state, Instant limit)
    {
        foreach (var aggregate in _kept.BuiltFrom(null))
        {
            var fresh = new TimeRange(state.Aggregate(aggregate).Watermark ?? Instant.MinValue, limit);
            var firstFresh = fresh.IsEmpty ? null : Edge(_session, state, null, fresh, "min", planned: null);
            foreach (var instant in new[] { firstFresh, FirstInvalid(aggregate, TimeRange.All) }.OfType<Instant>())
            {
                limit = Instant.Min(limit, IntervalOf(instant).From);
            }
        }

        return limit;
    }

    private StoreState DropBefore(StoreState state, Chunk chunk, Instant horizon)
    {
        if (Count(_session, chunk, new TimeRange(horizon, Instant.MaxValue)) == 0)
        {
            Drop(chunk);
            return state.Without([chunk]);
        }

        _session.Execute($"DELETE FROM {chunk.Table} WHERE {DuckDbSql.WithinTime(new TimeRange(Instant.MinValue, horizon))}");
        _readings.Remove(chunk.Id);
        return state.With(Change(chunk with { Range = chunk.Range with { From = horizon } }));
    }

    /// <summary>Keeps the readings of a part of the chunk that are their sensors' last there: <c>current</c> outlives retention.</summary>
    private void KeepLatest(MetricCatalog metrics, Chunk chunk, TimeRange range)
    {
        var part = $"(FROM {chunk.Table} WHERE {DuckDbSql.WithinTime(range)})";
        _session.Execute($"DELETE FROM internal.latest WHERE sensor IN (SELECT sensor FROM {part})");
        _session.Execute($"INSERT INTO internal.latest SELECT {DuckDbSql.RawColumns(metrics, chunk.HasMap, metrics.HasMap)} FROM "
            + $"({DuckDbSql.LatestRowsIn(part)})");
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
        if (state.Metrics.HasMap)
        {
            _session.Execute($"DELETE FROM {DuckDbSql.MapTable(aggregate)} WHERE bucket < {DuckDbSql.Literal(limit)}");
        }

        var horizon = aggregate.Bucket.End(last.Value);
        _session.Execute($"UPDATE internal.aggregates SET horizon = {horizon.Micros} WHERE name = $1", aggregate.Name);
        return (state.With(
            state.Aggregate(aggregate) with { Horizon = horizon, Rewrites = state.Aggregate(aggregate).Rewrites + 1 }), rows);
    }

    private Instant? FirstInvalid(AggregateDefinition aggregate, TimeRange buckets)
        => InstantOf(_session.Scalar($"SELECT epoch_us(min(bucket)) FROM internal.invalidations WHERE aggregate = '{aggregate.Name}' AND "
            + $"{DuckDbSql.Within("bucket", buckets)}"));
}
