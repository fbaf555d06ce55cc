namespace Tidemark.DuckDb;

/// <remarks>Buckets that late writes made invalid.</remarks>
public sealed partial class DuckDbStore
{
    private const int BucketsPerSlice = 500;
    private const int FewPairs = 8;

    /// <summary>Writes the next invalid buckets again and passes on what that makes invalid.</summary>
    /// <returns>The rows written; null when nothing is left.</returns>
    private long? RefreshInvalid(AggregateDefinition aggregate, TimeRange? range) => Transaction<long?>(state =>
    {
        var pairs = InvalidPairs(aggregate, range ?? TimeRange.All);
        if (pairs.Count == 0)
        {
            return (state, null);
        }

        var rows = pairs.Count <= FewPairs && aggregate.ExtraColumns.Count == 0
            ? RewriteFew(ref state, aggregate, [.. pairs.Distinct()])
            : RewriteMany(ref state, aggregate, range ?? TimeRange.All);
        var left = (range is not null || pairs.Count > FewPairs)
            && _session.Scalar($"SELECT 1 FROM internal.invalidations WHERE aggregate = '{aggregate.Name}' LIMIT 1") is not null;
        var refreshed = state.Aggregate(aggregate);
        return (state.With(refreshed with { HasInvalidations = left, Rewrites = refreshed.Rewrites + 1 }), rows);
    });

    /// <summary>Buckets, of the first <see cref="BucketsPerSlice"/> that have invalid ones, by one statement for all sensors.</summary>
    private long RewriteMany(ref StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        var buckets = Buckets(_session, "SELECT DISTINCT epoch_us(bucket) AS b FROM internal.invalidations WHERE aggregate = "
            + $"'{aggregate.Name}' AND {DuckDbSql.Within("bucket", range)} ORDER BY b LIMIT {BucketsPerSlice}");
        var (table, slice) = (DuckDbSql.Table(aggregate), new TimeRange(buckets[0], aggregate.Bucket.End(buckets[^1])));
        var ofSlice = $"aggregate = '{aggregate.Name}' AND {DuckDbSql.Within("bucket", slice)}";
        _session.Execute(
            "CREATE OR REPLACE TEMP TABLE invalid AS SELECT DISTINCT sensor AS s, bucket AS b FROM internal.invalidations WHERE "
                + $"{ofSlice}");
        _session.Execute($"DELETE FROM {table} USING invalid WHERE sensor = s AND bucket = b AND {DuckDbSql.Within("bucket", slice)}");
        var ofRaw = Stored(state, aggregate, slice);
        var source = aggregate.Source is null
            ? DuckDbSql.Raw(state, slice, "true", DuckDbSql.Sources(state.Metrics, ofRaw))
            : DuckDbSql.Partials(state, Stored(state, aggregate.Source, slice), "true", realTime: false);
        var bucket = DuckDbSql.Bucket(aggregate.Bucket, aggregate.Source is null ? "time" : "bucket");
        var partials = aggregate.Source is null ? DuckDbSql.RawPartials(ofRaw) : DuckDbSql.RollupPartials(state.Metrics.OfColumns);
        string Invalid(string from) => $"SELECT source.* FROM ({from}) source JOIN invalid ON sensor = s AND {bucket} = b";
        var rows = Insert(state, aggregate, $"SELECT sensor, {bucket} AS bucket, {partials} FROM ({Invalid(source)}) GROUP BY 1, 2");
        if (state.Metrics.HasMap)
        {
            _session.Execute($"DELETE FROM {DuckDbSql.MapTable(aggregate)} USING invalid WHERE sensor = s AND bucket = b AND "
                + $"{DuckDbSql.Within("bucket", slice)}");
            InsertMap(state, aggregate, slice, Invalid);
        }

        _session.Execute($"DELETE FROM internal.invalidations WHERE {ofSlice}");
        PassOn(ref state, aggregate, (dependent, below, from) => _session.Execute($"""
            INSERT INTO internal.invalidations
            SELECT DISTINCT '{dependent.Name}', s, {DuckDbSql.Bucket(dependent.Bucket, "b")} AS bucket FROM invalid
            WHERE {DuckDbSql.Bucket(dependent.Bucket, "b")} < {DuckDbSql.Literal(below)}
              AND {DuckDbSql.Bucket(dependent.Bucket, "b")} >= {DuckDbSql.Literal(from)}
            """));
        return rows;
    }

    /// <summary>
    /// A few buckets, each by prepared statements: what a late reading or two make invalid is written again in a fraction of the time in
    /// which
    /// DuckDB plans the statements of <see cref="RewriteMany"/>.
    /// </summary>
    private long RewriteFew(ref StoreState state, AggregateDefinition aggregate, IReadOnlyCollection<(int Sensor, Instant Bucket)> pairs)
    {
        var written = 0L;
        foreach (var (sensor, bucket) in pairs)
        {
            var metrics = state.Metrics.StoredOf(_sensors.Sent(sensor));
            var rows = new PartialRows(metrics.Count, aggregate.Bucket);
            var range = new TimeRange(bucket, aggregate.Bucket.End(bucket));
            if (aggregate.Source is { } source)
            {
                AddStored(rows, _session, source, metrics, range, sensor);
            }
            else
            {
                AddRaw(rows, _session, state, metrics, range, sensor);
            }

            _session.ExecutePrepared(DuckDbSql.DeleteBucket(DuckDbSql.Table(aggregate)), sensor, bucket.ToDateTime());
            _session.ExecutePrepared(DuckDbSql.DeleteInvalidation, aggregate.Name, sensor, bucket.ToDateTime());
            foreach (var row in rows.ToStored(sensor, metrics.InColumns.Count))
            {
                _session.ExecutePrepared(DuckDbSql.InsertBucket(aggregate, state.Metrics), row);
            }

            if (metrics.InMap.Count > 0)
            {
                _session.ExecutePrepared(DuckDbSql.DeleteBucket(DuckDbSql.MapTable(aggregate)), sensor, bucket.ToDateTime());
                AppendMap(aggregate, sensor, rows.ToStoredMap(metrics.InColumns.Count, metrics.InMap));
            }

            written += rows.Count;
        }

        PassOn(ref state, aggregate, (dependent, below, from) =>
        {
            var coarser = pairs.Select(p => (p.Sensor, Bucket: dependent.Bucket.Floor(p.Bucket)))
                .Where(p => p.Bucket < below && p.Bucket >= from)
                .Distinct()
                .ToArray();
            using var invalidations = _session.Connection.CreateAppender("store", "internal", "invalidations");
            foreach (var (sensor, bucket) in coarser)
            {
                invalidations.CreateRow().AppendValue(dependent.Name).AppendValue(sensor).AppendValue(bucket.ToDateTime()).EndRow();
            }

            return coarser.Length;
        });
        return written;
    }

    /// <summary>A statement for each metric would take longer than all else where there are hundreds.</summary>
    private void AppendMap(
        AggregateDefinition aggregate,
        int sensor,
        IEnumerable<(short Metric, DateTime Bucket, double Sum, long Count, double Minimum, double Maximum)> partials)
    {
        using var rows = _session.Connection.CreateAppender("store", "internal", $"more_{aggregate.Name}");
        foreach (var (metric, bucket, sum, count, minimum, maximum) in partials)
        {
            rows.CreateRow().AppendValue(sensor).AppendValue(metric).AppendValue(bucket).AppendValue(sum).AppendValue(count)
                .AppendValue(minimum).AppendValue(maximum).EndRow();
        }
    }

    /// <summary>Invalid buckets of sensors, repeated ones too, up to one more than <see cref="FewPairs"/>.</summary>
    private List<(int Sensor, Instant Bucket)> InvalidPairs(AggregateDefinition aggregate, TimeRange range)
    {
        var pairs = new List<(int, Instant)>();
        using var rows = _session.QueryPrepared(
            DuckDbSql.InvalidPairs(FewPairs + 1),
            aggregate.Name,
            range.From.ToDateTime(),
            range.To.ToDateTime());
        while (rows.Read())
        {
            pairs.Add((rows.GetInt32(0), new Instant(rows.GetInt64(1))));
        }

        return pairs;
    }

    /// <summary>
    /// Makes buckets of dependent aggregates invalid that are materialised, so below a watermark, and not frozen; <paramref name="insert"/>
    /// answers how many.
    /// </summary>
    private void PassOn(ref StoreState state, AggregateDefinition aggregate, Func<AggregateDefinition, Instant, Instant, int> insert)
    {
        foreach (var dependent in _kept.BuiltFrom(aggregate))
        {
            if (state.Aggregate(dependent).Watermark is { } watermark && insert(dependent, watermark, state.FrozenBefore(dependent)) > 0)
            {
                state = state.With(state.Aggregate(dependent) with { HasInvalidations = true });
            }
        }
    }
}
