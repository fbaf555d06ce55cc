using System.Globalization;

namespace Tidemark.Timescale;

/// <summary>
/// The SQL of the engine. Names enter through <see cref="Identifier.Quote"/> and values as parameters, so that a
/// statement's text depends on its shape only and stays prepared.
/// </summary>
/// <remarks>
/// A row of <em>partials</em> is what aggregates are made of: sensor, bucket, reading_count, then per metric the sum and count of
/// its non-null values, minimum and maximum, then the extra columns. Partials of a coarser bucket are sums of finer ones,
/// so an average is never one of averages.
/// </remarks>
/// <param name="schema">What there is.</param>
/// <param name="withExtra">Whether aggregates have their extra columns.</param>
internal sealed partial class TimescaleSql(TelemetrySchema schema, bool withExtra = true)
{
    /// <summary>
    /// The finest aggregate over all sensors together, kept so that questions about the fleet need not read every sensor's buckets.
    /// </summary>
    public const string FleetView = "tidemark.fleet";

    public const string Raw = $"\"{TelemetrySchema.RawTable}\"";

    /// <summary>Where each aggregate's materialised buckets are, quoted.</summary>
    public IReadOnlyDictionary<string, string> Materializations { get; set; } = new Dictionary<string, string>();

    /// <summary>Where the materialised buckets of <see cref="FleetView"/> are, quoted.</summary>
    public string FleetTable { get; set; } = "";

    /// <summary>The metrics' columns in the schema's order, each after a comma.</summary>
    public string MetricColumns { get; } = AfterCommas(schema.MetricNames.Select(Identifier.Quote));

    /// <summary>The statements that read these metrics alone.</summary>
    /// <param name="metrics">In the answer's order.</param>
    /// <param name="extra">Whether with extra columns.</param>
    public TimescaleSql Of(IReadOnlyList<Metric> metrics, bool extra)
        => new(schema.With(metrics), extra && withExtra) { Materializations = Materializations, FleetTable = FleetTable };

    /// <summary>The same over other aggregates or metrics.</summary>
    public TimescaleSql In(TelemetrySchema other)
        => new(other, withExtra) { Materializations = Materializations, FleetTable = FleetTable };

    /// <summary>The names of an aggregate's values, or of its partials.</summary>
    public IReadOnlyList<string> Columns(AggregateDefinition aggregate, bool partials = false)
        => partials ? AggregateDefinition.PartialColumns(schema.MetricNames) : aggregate.Columns(schema.MetricNames, withExtra);

    public int MetricCount => schema.Metrics.Count;

    public IReadOnlyList<string> MetricNames => schema.MetricNames;

    /// <summary>What comes after the first columns of a list, which may be nothing.</summary>
    public static string AfterCommas(IEnumerable<string> columns) => string.Concat(columns.Select(c => $", {c}"));

    private IReadOnlyList<ExtraColumn> ExtraColumns(AggregateDefinition aggregate) => withExtra ? aggregate.ExtraColumns : [];

    public string Table(AggregateDefinition aggregate) => Materializations[aggregate.Name];

    public static string Bucket(BucketWidth width, string column) => $"time_bucket(INTERVAL '{width.Sql}', {column})";

    private static string BucketColumn(AggregateDefinition aggregate) => Identifier.Quote(aggregate.BucketColumn);

    /// <summary>Rows as readers see them: bucket, sensor, reading_count, then the aggregate's columns or its partials.</summary>
    public string Select(SqlParts parts, StoreState state, AggregateDefinition aggregate, AggregateQuery query, bool realTime)
    {
        var partials = query.FromRaw
            ? FromRaw(parts, aggregate, Whole(aggregate, query.Range), query.SensorId)
            : Partials(parts, state, aggregate, query.Range, query.SensorId, realTime);
        var values = query.Partials ? schema.MetricNames.SelectMany(PartialValues) : Values(aggregate);
        return $"SELECT bucket, sensor_id, reading_count{AfterCommas(values)} FROM ({partials}) "
            + $"p{(query.SensorId is null ? "" : " ORDER BY bucket")}";
    }

    /// <summary>
    /// Partials of buckets whose start lies in the range: materialised ones below the watermark, then those of the source.
    /// </summary>
    public string Partials(
        SqlParts parts,
        StoreState state,
        AggregateDefinition aggregate,
        TimeRange range,
        string? sensorId,
        bool realTime)
    {
        var watermark = state.Aggregate(aggregate).Watermark ?? Instant.MinValue;
        var materialised = range.Intersect(new TimeRange(Instant.MinValue, watermark));
        var tail = new TimeRange(Instant.Max(aggregate.Bucket.Ceiling(range.From), watermark), aggregate.Bucket.Ceiling(range.To));
        var selects = new List<string>(2);
        if (!materialised.IsEmpty)
        {
            selects.Add(Materialised(parts, aggregate, materialised, sensorId));
        }

        if (realTime && !tail.IsEmpty)
        {
            selects.Add(aggregate.Source is { } source
                ? Rollup(aggregate, Partials(parts, state, source, tail, sensorId, realTime))
                : FromRaw(parts, aggregate, tail, sensorId));
        }

        return selects.Count > 0 ? string.Join("\nUNION ALL\n", selects) : Materialised(parts, aggregate, default, sensorId);
    }

    /// <summary>Partials of whole buckets from raw readings.</summary>
    public string FromRaw(SqlParts parts, AggregateDefinition aggregate, TimeRange range, string? sensorId)
    {
        var metrics = schema.Metrics.SelectMany(m => Aggregated(m.Name));
        var extra = ExtraColumns(aggregate).Select(c => $"({c.Expression})::double precision AS {Identifier.Quote(c.Name)}");
        return $"""
            SELECT sensor_id, {Bucket(aggregate.Bucket, "time")} AS bucket, {string.Join(", ", ["count(*) AS reading_count", .. metrics,
                .. extra])}
            FROM {Raw} WHERE {Sensor(parts, sensorId)}{Within(parts, "time", range)} GROUP BY 1, 2
            """;
    }

    /// <summary>
    /// Each sensor with its last reading's time, its readings that the finest aggregate has materialised since an instant, and those
    /// beyond.
    /// </summary>
    public string Sensors(SqlParts parts, StoreState state, Instant since)
    {
        var watermark = state.Aggregate(schema.Finest).Watermark ?? Instant.MinValue;
        return $"""
            SELECT l.sensor_id, l.time, coalesce(m.readings, 0)::bigint, coalesce(t.readings, 0)
            FROM tidemark.sensors l
            LEFT JOIN (SELECT sensor_id, sum(reading_count) AS readings FROM {Table(schema.Finest)}
                WHERE {BucketColumn(schema.Finest)} >= {parts.Add(since)} GROUP BY 1) m
                ON m.sensor_id = l.sensor_id COLLATE "C"
            LEFT JOIN (SELECT sensor_id, count(*) AS readings FROM {Raw} WHERE time >= {parts.Add(watermark)}
                GROUP BY 1) t ON t.sensor_id = l.sensor_id COLLATE "C"
            ORDER BY l.sensor_id COLLATE "C"
            """;
    }

    /// <summary>
    /// Materialised buckets beside those made from raw, pending ones left out: bucket, sensor, then stored and raw values, reading_count
    /// first.
    /// </summary>
    public string Compare(SqlParts parts, AggregateDefinition aggregate, TimeRange range, string[] chain)
    {
        string Side(string alias)
            => string.Join(", ", Columns(aggregate).Select(Identifier.Quote).Prepend("reading_count").Select(c
                => $"{alias}.{c}::double precision"));
        string Rows(string partials)
            => "SELECT sensor_id, bucket, reading_count, "
                + $"{string.Join(", ", Values(aggregate).Zip(Columns(aggregate), (v, c) => $"{v} AS {Identifier.Quote(c)}"))} FROM "
                + $"({partials}) p";
        return $"""
            SELECT coalesce(a.bucket, r.bucket), coalesce(a.sensor_id, r.sensor_id), {Side("a")}, {Side("r")}
            FROM ({Rows(Materialised(parts, aggregate, range, null))}) a
            FULL JOIN ({Rows(FromRaw(parts, aggregate, range, null))}) r ON a.sensor_id = r.sensor_id AND a.bucket = r.bucket
            WHERE NOT EXISTS (
                SELECT FROM tidemark.pending p WHERE p.aggregate = ANY ({parts.Add(chain)}) AND {Within(parts, "p.bucket", range)}
                    AND p.sensor_id = coalesce(a.sensor_id, r.sensor_id) COLLATE "C"
                        AND {Bucket(aggregate.Bucket, "p.bucket")} = coalesce(a.bucket, r.bucket))
            """;
    }

    /// <summary>Buckets of an aggregate that wait for a refresh, because of themselves or of what they are built from.</summary>
    public static string PendingBuckets(SqlParts parts, AggregateDefinition aggregate, TimeRange range, string[] chain) => $"""
        SELECT count(*) FROM (
            SELECT DISTINCT sensor_id, {Bucket(aggregate.Bucket, "bucket")} AS b FROM tidemark.pending
            WHERE aggregate = ANY ({parts.Add(chain)}) AND {Within(parts, "bucket", range)}) p
        """;

    /// <summary>What a refresh would write again, late writes to the sources passed on: sensor, bucket.</summary>
    public static string Invalid(SqlParts parts, StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        var own = $"SELECT sensor_id, bucket FROM tidemark.pending WHERE aggregate = {parts.Add(aggregate.Name)} AND "
            + $"{Within(parts, "bucket", range)}";
        if (aggregate.Source is null || state.Aggregate(aggregate).Watermark is not { } watermark)
        {
            return own;
        }

        var passedOn = new TimeRange(state.FrozenBefore(aggregate), watermark);
        return $"{own} UNION SELECT sensor_id, b FROM (SELECT sensor_id, {Bucket(aggregate.Bucket, "bucket")} AS b FROM "
            + $"({Invalid(parts, state, aggregate.Source, range)}) i) s WHERE {Within(parts, "b", passedOn)}";
    }

    public static string Within(SqlParts parts, string column, TimeRange range)
    {
        var from = range.From > Instant.MinValue ? $"{column} >= {parts.Add(range.From)}" : null;
        var to = range.To < Instant.MaxValue ? $"{column} < {parts.Add(range.To)}" : null;
        return (from, to) switch
        {
            (null, null) => "true",
            (_, null) => from,
            (null, _) => to,
            _ => $"{from} AND {to}",
        };
    }

    public static string Literal(Instant instant)
        => $"TIMESTAMPTZ '{instant.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}+00'";

    private string Materialised(SqlParts parts, AggregateDefinition aggregate, TimeRange range, string? sensorId)
    {
        var extra = ExtraColumns(aggregate).Select(c => Identifier.Quote(c.Name));
        return $"""
            SELECT sensor_id, {BucketColumn(aggregate)} AS bucket, {string.Join(", ", ["reading_count",
                .. schema.Metrics.SelectMany(m => Names(m.Name)), .. extra])}
            FROM {Table(aggregate)} WHERE {Sensor(parts, sensorId)}{Within(parts, BucketColumn(aggregate), range)}
            """;
    }

    private string Rollup(AggregateDefinition aggregate, string partials)
        => $"SELECT sensor_id, {Bucket(aggregate.Bucket, "bucket")} AS bucket, "
            + $"{string.Join(", ", ["sum(reading_count)::bigint AS reading_count", .. schema.Metrics.SelectMany(m => RolledUp(m.Name))])} "
            + $"FROM ({partials}) s GROUP BY 1, 2";

    private static TimeRange Whole(AggregateDefinition aggregate, TimeRange range)
        => new(aggregate.Bucket.Ceiling(range.From), aggregate.Bucket.Ceiling(range.To));

    private static string Sensor(SqlParts parts, string? sensorId) => sensorId is null ? "" : $"sensor_id = {parts.Sensor(sensorId)} AND ";

    /// <summary>Readers' columns from partials.</summary>
    private IEnumerable<string> Values(AggregateDefinition aggregate)
        => schema.Metrics.SelectMany(m => Values(m.Name)).Concat(ExtraColumns(aggregate).Select(c => Identifier.Quote(c.Name)));

    private static string[] Values(string metric)
    {
        var (sum, count, min, max) = Partial(metric);
        return [$"{sum} / nullif({count}, 0)::double precision", min, max];
    }

    private static string[] PartialValues(string metric)
    {
        var (sum, count, min, max) = Partial(metric);
        return [sum, $"coalesce({count}, 0)::double precision", min, max];
    }

    private static (string Sum, string Count, string Min, string Max) Partial(string metric)
        => ($"\"sum_{metric}\"", $"\"count_{metric}\"", $"\"min_{metric}\"", $"\"max_{metric}\"");

    private static string[] Names(string metric)
    {
        var (sum, count, min, max) = Partial(metric);
        return [sum, count, min, max];
    }

    private static string[] Aggregated(string metric)
    {
        var (sum, count, min, max) = Partial(metric);
        var column = Identifier.Quote(metric);
        return [$"sum({column}) AS {sum}", $"count({column}) AS {count}", $"min({column}) AS {min}", $"max({column}) AS {max}"];
    }

    private static string[] RolledUp(string metric)
    {
        var (sum, count, min, max) = Partial(metric);
        return [$"sum({sum}) AS {sum}", $"sum({count})::bigint AS {count}", $"min({min}) AS {min}", $"max({max}) AS {max}"];
    }
}
