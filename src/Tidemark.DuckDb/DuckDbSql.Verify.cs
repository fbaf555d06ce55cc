namespace Tidemark.DuckDb;

/// <remarks>What waits for a refresh, and what differs from raw.</remarks>
internal static partial class DuckDbSql
{
    /// <summary>Buckets of an aggregate that wait for a refresh, because of itself or of what it is built from: sensor, bucket.</summary>
    public static string Pending(AggregateDefinition aggregate, TimeRange range)
    {
        var parts = new List<string>();
        for (var part = aggregate; part is not null; part = part.Source)
        {
            parts.Add($"SELECT DISTINCT sensor, {Bucket(aggregate.Bucket, "bucket")} AS bucket FROM internal.invalidations WHERE "
                + $"aggregate = '{part.Name}' AND {Within("bucket", range)}");
        }

        return string.Join(" UNION ", parts);
    }

    /// <summary>
    /// Materialised buckets beside those made from raw, pending ones left out: bucket micros, sensor, then stored and raw values,
    /// reading_count first; of metrics with columns.
    /// </summary>
    public static string Compare(StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        var rows = new AggregateRows(aggregate, range, state.Metrics.OfColumns, WithExtra: true);
        var columns = aggregate.Columns(rows.Metrics.Names).Select(Identifier.Quote).ToList();
        string Side(string alias) => string.Join(", ", columns.Prepend("reading_count").Select(c => $"{alias}.{c}::DOUBLE"));
        string Read(string partials)
            => $"SELECT {string.Join(", ", ["sensor", "bucket", "reading_count",
                .. Values(aggregate, rows.Metrics, withExtra: true).Zip(columns, (v, c) => $"{v} AS {c}")])} FROM ({partials})";
        return $"""
            SELECT epoch_us(coalesce(a.bucket, r.bucket)), coalesce(a.sensor, r.sensor), {Side("a")}, {Side("r")}
            FROM ({Read(Materialised(aggregate, range, "true", rows.Metrics, withExtra: true))}) a
            FULL JOIN ({Read(FromRaw(state, rows, "true"))}) r ON a.sensor = r.sensor AND a.bucket = r.bucket
            WHERE {NotPending(aggregate, range)}
            """;
    }

    /// <summary>The same of metrics in the map, a row each: bucket micros, sensor, metric, stored and raw average, min, max.</summary>
    public static string CompareMap(StoreState state, AggregateDefinition aggregate, TimeRange range) => $"""
        SELECT epoch_us(coalesce(a.bucket, r.bucket)), coalesce(a.sensor, r.sensor), coalesce(a.metric, r.metric),
            a.sum / a.count, a.min, a.max, r.sum / r.count, r.min, r.max
        FROM (FROM {MapTable(aggregate)} WHERE {Within("bucket", range)}) a
        FULL JOIN ({MapFromRaw(RawMap(state, range), aggregate.Bucket)}) r(sensor, metric, bucket, sum, count, min, max)
            ON a.sensor = r.sensor AND a.metric = r.metric AND a.bucket = r.bucket
        WHERE {NotPending(aggregate, range)}
        """;

    private static string NotPending(AggregateDefinition aggregate, TimeRange range)
        => $"(coalesce(a.sensor, r.sensor), coalesce(a.bucket, r.bucket)) NOT IN (SELECT (sensor, bucket) FROM "
            + $"({Pending(aggregate, range)}))";

    /// <summary>What a refresh would write again, late writes to the sources passed on: sensor, bucket.</summary>
    public static string Invalid(StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        var own = $"SELECT sensor, bucket FROM internal.invalidations WHERE aggregate = '{aggregate.Name}' AND {Within("bucket", range)}";
        if (aggregate.Source is null || state.Aggregate(aggregate).Watermark is not { } watermark)
        {
            return $"SELECT DISTINCT * FROM ({own})";
        }

        var passedOn = new TimeRange(state.FrozenBefore(aggregate), watermark);
        return $"{own} UNION SELECT sensor, b FROM (SELECT sensor, {Bucket(aggregate.Bucket, "bucket")} AS b FROM "
            + $"({Invalid(state, aggregate.Source, range)})) WHERE {Within("b", passedOn)}";
    }
}
