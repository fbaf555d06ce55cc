using System.Text.RegularExpressions;

namespace Tidemark.DuckDb;

/// <remarks>Aggregates.</remarks>
internal static partial class DuckDbSql
{
    /// <summary>
    /// Parameters: sensor, bucket, reading_count, then the partials of metrics with columns, in their order.
    /// </summary>
    public static string InsertBucket(AggregateDefinition aggregate, MetricCatalog metrics)
    {
        string[] columns = ["sensor", "bucket", "reading_count", .. PartialNames(metrics.Columns)];
        return $"INSERT INTO {Table(aggregate)} ({string.Join(", ", columns)}) VALUES "
            + $"({string.Join(", ", columns.Select((_, i) => $"${i + 1}"))})";
    }

    /// <summary>Parameters: sensor, bucket.</summary>
    public static string DeleteBucket(string table) => $"DELETE FROM {table} WHERE sensor = $1 AND bucket = $2";

    /// <summary>Some invalid buckets, repeated ones too: sensor, bucket micros. Parameters: aggregate, from, to.</summary>
    public static string InvalidPairs(int limit)
        => "SELECT sensor, epoch_us(bucket) FROM internal.invalidations WHERE aggregate = $1 AND bucket >= $2 AND bucket < $3 "
            + $"LIMIT {limit}";

    /// <summary>Parameters: aggregate, sensor, bucket.</summary>
    public const string DeleteInvalidation = "DELETE FROM internal.invalidations WHERE aggregate = $1 AND sensor = $2 AND bucket = $3";

    /// <summary>
    /// One sensor's materialised partials of metrics with columns: bucket micros, reading_count, then the metrics' as doubles. Parameters:
    /// sensor, from, to.
    /// </summary>
    public static string PartialsOfSensor(AggregateDefinition aggregate, Selection metrics)
        => $"{SelectPartials(aggregate, metrics.InColumns, "")} WHERE sensor = $1 AND bucket >= $2 AND bucket < $3";

    /// <summary>The same of metrics in the map, all of them: metric, bucket micros, sum, count, min, max.</summary>
    public static string MapPartialsOfSensor(AggregateDefinition aggregate)
        => $"SELECT metric, epoch_us(bucket), sum, count::DOUBLE, min, max FROM {MapTable(aggregate)} "
            + "WHERE sensor = $1 AND bucket >= $2 AND bucket < $3";

    /// <summary>The first bucket that one sensor has materialised in a range: its micros. Parameters: sensor, from, to.</summary>
    public static string FirstBucket(AggregateDefinition aggregate)
        => $"SELECT epoch_us(min(bucket)) FROM {Table(aggregate)} WHERE sensor = $1 AND bucket >= $2 AND bucket < $3";

    /// <summary>
    /// Materialised partials of neighbouring sensors: sensor, then as <see cref="PartialsOfSensor"/> of all metrics with columns.
    /// Parameters: first sensor, the one after the last, from, to.
    /// </summary>
    public static string PartialsOfSensors(AggregateDefinition aggregate, MetricCatalog metrics)
        => $"{SelectPartials(aggregate, metrics.Columns, "sensor, ")} WHERE sensor >= $1 AND sensor < $2 AND bucket >= $3 AND bucket < $4 "
            + "ORDER BY sensor, bucket";

    /// <summary>The same of metrics in the map: sensor, then as <see cref="MapPartialsOfSensor"/>.</summary>
    public static string MapPartialsOfSensors(AggregateDefinition aggregate)
        => $"SELECT sensor, metric, epoch_us(bucket), sum, count::DOUBLE, min, max FROM {MapTable(aggregate)} "
            + "WHERE sensor >= $1 AND sensor < $2 AND bucket >= $3 AND bucket < $4 ORDER BY sensor, bucket";

    private static string SelectPartials(AggregateDefinition aggregate, IEnumerable<StoredMetric> metrics, string first)
    {
        var partials = PartialNames(metrics).Select((name, i) => i % 4 == 1 ? $"{name}::DOUBLE" : name);
        return $"SELECT {first}{string.Join(", ", ["epoch_us(bucket)", "reading_count", .. partials])} FROM {Table(aggregate)}";
    }

    /// <summary>
    /// Rows as readers see them: bucket micros, sensor, reading_count, then three values a metric and the extra columns, or its partials.
    /// Parameter 1 is the sensor when there is one.
    /// </summary>
    public static string Select(StoreState state, AggregateRows rows, bool oneSensor, AggregateQuery query, bool realTime)
    {
        var filter = oneSensor ? "sensor = $1" : "true";
        var partials = query.FromRaw ? FromRaw(state, rows, filter) : Partials(state, rows, filter, realTime);
        var values = query.Partials ? PartialValues(rows.Metrics) : Values(rows.Aggregate, rows.Metrics, rows.WithExtra);
        return $"SELECT {string.Join(", ", ["epoch_us(bucket)", "sensor", "reading_count::BIGINT", .. values])} FROM ({partials})";
    }

    /// <summary>One metric's average per bucket over all sensors: bucket micros, average, readings.</summary>
    /// <param name="state">What to read.</param>
    /// <param name="rows">Of the metric alone.</param>
    /// <param name="fromRaw">Whether what is materialised is left aside.</param>
    /// <param name="realTime">Whether the tail is computed.</param>
    public static string Fleet(StoreState state, AggregateRows rows, bool fromRaw, bool realTime)
    {
        var (aggregate, range, metric) = (rows.Aggregate, rows.Range, rows.Metrics.Names[0]);
        if (fromRaw)
        {
            var whole = new TimeRange(aggregate.Bucket.Ceiling(range.From), aggregate.Bucket.Ceiling(range.To));
            return $"""
                SELECT epoch_us({Bucket(aggregate.Bucket, "time")}) AS b, avg({Identifier.Quote(metric)}), count(*)
                FROM ({Raw(state, whole, "true", rows.Metrics)}) GROUP BY b ORDER BY b
                """;
        }

        var names = PartialNames(metric).ToArray();
        return $"""
            SELECT epoch_us(bucket) AS b, sum({names[0]}) / nullif(sum({names[1]}), 0), sum(reading_count)::BIGINT
            FROM ({Partials(state, rows, "true", realTime)}) GROUP BY b ORDER BY b
            """;
    }

    /// <summary>One metric over all sensors, of materialised buckets: bucket micros, readings, sum, count.</summary>
    /// <param name="rows">Of the metric alone.</param>
    public static string FleetMaterialised(AggregateRows rows)
    {
        var names = PartialNames(rows.Metrics.Names[0]).ToArray();
        return $"""
            SELECT epoch_us(bucket) AS b, sum(reading_count)::BIGINT, sum({names[0]}), coalesce(sum({names[1]}), 0)::DOUBLE
            FROM ({Materialised(rows.Aggregate, rows.Range, "true", rows.Metrics, withExtra: false)}) GROUP BY b ORDER BY b
            """;
    }

    /// <summary>The same of whole buckets from raw readings.</summary>
    public static string FleetFromRaw(StoreState state, AggregateRows rows)
    {
        var metric = Identifier.Quote(rows.Metrics.Names[0]);
        return $"""
            SELECT epoch_us({Bucket(rows.Aggregate.Bucket, "time")}) AS b, count(*), sum({metric}), count({metric})::DOUBLE
            FROM ({Raw(state, rows.Range, "true", rows.Metrics)}) GROUP BY b ORDER BY b
            """;
    }

    /// <summary>
    /// Partials of buckets whose start lies in the range: materialised ones below the watermark, then those of the source.
    /// </summary>
    public static string Partials(StoreState state, AggregateRows rows, string filter, bool realTime)
    {
        var (aggregate, range) = (rows.Aggregate, rows.Range);
        var watermark = state.Aggregate(aggregate).Watermark ?? Instant.MinValue;
        var materialised = range.Intersect(new TimeRange(Instant.MinValue, watermark));
        var tail = new TimeRange(Instant.Max(aggregate.Bucket.Ceiling(range.From), watermark), aggregate.Bucket.Ceiling(range.To));
        var parts = new List<string>(2);
        if (!materialised.IsEmpty)
        {
            parts.Add(Materialised(aggregate, materialised, filter, rows.Metrics, rows.WithExtra));
        }

        if (realTime && !tail.IsEmpty)
        {
            parts.Add(aggregate.Source is null
                ? FromRaw(state, rows with { Range = tail }, filter)
                : Rollup(
                    aggregate,
                    Partials(state, new AggregateRows(aggregate.Source, tail, rows.Metrics, WithExtra: false), filter, realTime),
                    rows.Metrics));
        }

        return parts.Count > 0
            ? string.Join("\nUNION ALL\n", parts)
            : Materialised(aggregate, TimeRange.All, "false", rows.Metrics, rows.WithExtra);
    }

    /// <summary>Materialised partials, those of metrics in the map beside the others.</summary>
    private static string Materialised(
        AggregateDefinition aggregate, TimeRange range, string filter, Selection metrics, bool withExtra)
    {
        var conditions = $"{filter} AND {Within("bucket", range)}";
        var extra = withExtra ? aggregate.ExtraColumns.Select(c => Identifier.Quote(c.Name)) : [];
        string[] ofColumns = ["sensor", "bucket", "reading_count", .. PartialNames(metrics.InColumns), .. extra];
        if (metrics.InMap.Count == 0)
        {
            return $"SELECT {string.Join(", ", ofColumns)} FROM {Table(aggregate)} WHERE {conditions}";
        }

        // By metric, so that parts can be put one below the other.
        string[] all = ["sensor", "bucket", "reading_count", .. PartialNames(metrics.Metrics), .. extra];
        var ofMap = metrics.InMap.SelectMany(m => PartialNames(m.Name).Zip(
            (string[])["sum(sum)", "sum(count)", "min(min)", "max(max)"],
            (name, value) => $"{value} FILTER (metric = {m.Id}){(value == "sum(count)" ? "::BIGINT" : "")} AS {name}"));
        return $"""
            SELECT {string.Join(", ", all)} FROM (SELECT {string.Join(", ", ofColumns)} FROM {Table(aggregate)} WHERE {conditions})
            LEFT JOIN (SELECT sensor, bucket, {string.Join(", ", ofMap)} FROM {MapTable(aggregate)}
                WHERE {conditions} AND metric IN ({Ids(metrics.InMap.Select(m => m.Id))}) GROUP BY sensor, bucket) USING (sensor, bucket)
            """;
    }

    /// <summary>Partials of whole buckets from raw readings.</summary>
    public static string FromRaw(StoreState state, AggregateRows rows, string filter) => $"""
        SELECT sensor, {Bucket(rows.Aggregate.Bucket, "time")} AS bucket, {RawPartials(rows)}
        FROM ({Raw(state, rows.Range, filter, Sources(state.Metrics, rows))}) GROUP BY 1, 2
        """;

    /// <summary>The partials of metrics in the map, of whole buckets from raw readings: rows of <see cref="MapTable"/>.</summary>
    /// <param name="values">Rows of <see cref="RawMap"/>.</param>
    /// <param name="bucket">The width.</param>
    public static string MapFromRaw(string values, BucketWidth bucket)
        => $"SELECT sensor, metric, {Bucket(bucket, "time")} AS bucket, sum(value), count(value), min(value), max(value) FROM ({values}) "
            + "GROUP BY 1, 2, 3";

    /// <summary>Partials of coarser buckets from finer ones.</summary>
    public static string Rollup(AggregateDefinition aggregate, string partials, Selection metrics)
        => $"SELECT sensor, {Bucket(aggregate.Bucket, "bucket")} AS bucket, {RollupPartials(metrics)} FROM ({partials}) GROUP BY 1, 2";

    /// <summary>The same of metrics in the map.</summary>
    /// <param name="partials">Rows of <see cref="MapTable"/>.</param>
    /// <param name="bucket">The width.</param>
    public static string MapRollup(string partials, BucketWidth bucket)
        => $"SELECT sensor, metric, {Bucket(bucket, "bucket")} AS bucket, sum(sum), sum(count)::BIGINT, min(min), max(max) "
            + $"FROM ({partials}) GROUP BY 1, 2, 3";

    /// <summary>The select list that makes partials of raw readings, from reading_count on.</summary>
    public static string RawPartials(AggregateRows rows) => string.Join(", ",
        [
            "count(*) AS reading_count",
            .. rows.Metrics.Names.SelectMany(RawPartials),
            .. rows.WithExtra
                ? rows.Aggregate.ExtraColumns.Select(c => $"CAST({c.Expression} AS DOUBLE) AS {Identifier.Quote(c.Name)}")
                : [],
        ]);

    /// <summary>The select list that makes partials of finer ones, from reading_count on.</summary>
    public static string RollupPartials(Selection metrics)
        => string.Join(", ", ["sum(reading_count)::BIGINT AS reading_count", .. metrics.Names.SelectMany(RollupPartials)]);

    /// <summary>The columns of partials after reading_count.</summary>
    public static IEnumerable<string> PartialColumns(AggregateDefinition aggregate, Selection metrics)
        => PartialNames(metrics.Metrics).Concat(aggregate.ExtraColumns.Select(c => Identifier.Quote(c.Name)));

    /// <summary>The metrics that partials and the expressions of extra columns are made of.</summary>
    public static Selection Sources(MetricCatalog metrics, AggregateRows rows)
    {
        if (!rows.WithExtra || rows.Aggregate.ExtraColumns.Count == 0)
        {
            return rows.Metrics;
        }

        var named = rows.Aggregate.ExtraColumns.SelectMany(c => Word().Matches(c.Expression)).Select(m => m.Value.ToLowerInvariant())
            .ToHashSet();
        return new Selection([.. rows.Metrics.Metrics.Union(metrics.All.Where(m => named.Contains(m.Name)))], metrics.Columns);
    }

    /// <summary>Readers' columns from partials.</summary>
    private static IEnumerable<string> Values(AggregateDefinition aggregate, Selection metrics, bool withExtra)
        => metrics.Names.SelectMany(m => Values(PartialNames(m).ToArray()))
            .Concat(withExtra ? aggregate.ExtraColumns.Select(c => Identifier.Quote(c.Name)) : []);

    private static IEnumerable<string> PartialValues(Selection metrics)
        => PartialNames(metrics.Metrics).Select((name, i) => i % 4 == 1 ? $"coalesce({name}, 0)::DOUBLE" : name);

    private static IEnumerable<string> Values(string[] names) => [$"{names[0]} / nullif({names[1]}, 0)", names[2], names[3]];

    private static IEnumerable<string> RawPartials(string metric)
    {
        var column = Identifier.Quote(metric);
        var names = PartialNames(metric).ToArray();
        return [$"sum({column}) AS {names[0]}", $"count({column}) AS {names[1]}", $"min({column}) AS {names[2]}", $"max({column}) AS "
            + $"{names[3]}"];
    }

    private static IEnumerable<string> RollupPartials(string metric)
    {
        var names = PartialNames(metric).ToArray();
        return
        [
            $"sum({names[0]}) AS {names[0]}",
            $"sum({names[1]})::BIGINT AS {names[1]}",
            $"min({names[2]}) AS {names[2]}",
            $"max({names[3]}) AS {names[3]}",
        ];
    }

    /// <summary>Readings of each sensor: those of the finest aggregate and its tail.</summary>
    public static string Totals(StoreState state, AggregateDefinition finest)
    {
        var watermark = state.Aggregate(finest).Watermark;
        var materialised = $"SELECT sensor, reading_count FROM {Table(finest)}";
        var since = new TimeRange(watermark ?? Instant.MinValue, Instant.MaxValue);
        var tail = $"SELECT sensor, count(*) AS reading_count FROM ({Raw(state, since, "true", state.Metrics.OfColumns)}) GROUP BY sensor";
        return $"SELECT sensor, sum(reading_count)::BIGINT FROM ({materialised} UNION ALL {tail}) GROUP BY sensor";
    }

    [GeneratedRegex("[A-Za-z][A-Za-z0-9_]*")]
    private static partial Regex Word();
}

/// <summary>Which rows of an aggregate a statement reads, and what of them.</summary>
internal sealed record AggregateRows(AggregateDefinition Aggregate, TimeRange Range, Selection Metrics, bool WithExtra);
