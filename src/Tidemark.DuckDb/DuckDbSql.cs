using System.Globalization;
using System.Text;

namespace Tidemark.DuckDb;

/// <summary>
/// The SQL of the engine. Names enter through <see cref="Identifier.Quote"/> and values as parameters; times stand in
/// the text only where the statement is used once.
/// </summary>
/// <remarks>
/// A row of <em>partials</em> is what aggregates are made of: sensor, bucket, reading_count, then per metric the sum and count of
/// its non-null values, minimum and maximum, then the extra columns. Partials of a coarser bucket are sums of finer ones,
/// so an average is never one of averages.
/// <para>
/// Raw tables hold a time in two columns, whole minutes since the epoch and the microseconds beyond: in (sensor, time) order
/// DuckDB packs a TIMESTAMP into 4 to 5 bytes, minutes into 1 and a constant rest into none.
/// </para>
/// </remarks>
internal sealed class DuckDbSql(TelemetrySchema schema)
{
    public const long MicrosPerMinute = 60_000_000;

    public static readonly string CreateTables = Resource("0001_tables.sql");

    /// <summary>A raw row's time in microseconds.</summary>
    public const string RawMicros = "(minute::BIGINT * 60000000 + micros)";

    private const string RawTime = $"make_timestamp({RawMicros}) AS time";

    /// <summary>Metric indexes in the order of the raw tables' columns.</summary>
    public int[] ColumnOrder { get; set; } = [.. Enumerable.Range(0, schema.Metrics.Count)];

    private IEnumerable<string> StoredMetrics => ColumnOrder.Select(m => Identifier.Quote(schema.Metrics[m].Name));

    /// <summary>The metrics' columns in the schema's order.</summary>
    public string MetricColumns { get; } = string.Join(", ", schema.Metrics.Select(m => Identifier.Quote(m.Name)));

    public static string Table(AggregateDefinition aggregate) => $"internal.{Identifier.Quote("agg_" + aggregate.Name)}";

    public static string Literal(Instant instant)
        => $"TIMESTAMP '{instant.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}'";

    public static string Bucket(BucketWidth width, string column) => $"time_bucket(INTERVAL '{width.Sql}', {column})";

    /// <summary>
    /// Parameters: sensor, bucket, reading_count, then the partials in the schema's order, which need not be the table's.
    /// </summary>
    public string InsertBucket(AggregateDefinition aggregate)
    {
        string[] columns = ["sensor", "bucket", "reading_count", .. PartialColumns(aggregate)];
        return $"INSERT INTO {Table(aggregate)} ({string.Join(", ", columns)}) VALUES "
            + $"({string.Join(", ", columns.Select((_, i) => $"${i + 1}"))})";
    }

    /// <summary>Parameters: sensor, bucket.</summary>
    public static string DeleteBucket(AggregateDefinition aggregate) => $"DELETE FROM {Table(aggregate)} WHERE sensor = $1 AND bucket = $2";

    /// <summary>Some invalid buckets, repeated ones too: sensor, bucket micros. Parameters: aggregate, from, to.</summary>
    public static string InvalidPairs(int limit)
        => "SELECT sensor, epoch_us(bucket) FROM internal.invalidations WHERE aggregate = $1 AND bucket >= $2 AND bucket < $3 "
            + $"LIMIT {limit}";

    /// <summary>Parameters: aggregate, sensor, bucket.</summary>
    public const string DeleteInvalidation = "DELETE FROM internal.invalidations WHERE aggregate = $1 AND sensor = $2 AND bucket = $3";

    public string CreateRaw(string table, string ifNotExists = "")
        => $"CREATE TABLE {ifNotExists} {table} (sensor INTEGER NOT NULL, minute INTEGER NOT NULL, micros INTEGER NOT NULL, "
            + $"{string.Join(", ", StoredMetrics.Select(m => $"{m} DOUBLE"))})";

    public string CreateAggregate(AggregateDefinition aggregate)
    {
        var metrics = schema.Metrics.SelectMany(m => PartialNames(m.Name).Select((name, i) => $"{name} {(i == 1 ? "BIGINT" : "DOUBLE")}"));
        var extra = aggregate.ExtraColumns.Select(c => $"{Identifier.Quote(c.Name)} DOUBLE");
        return $"CREATE TABLE {Table(aggregate)} (sensor INTEGER NOT NULL, bucket TIMESTAMP NOT NULL, reading_count BIGINT NOT NULL, "
            + $"{string.Join(", ", metrics.Concat(extra))})";
    }

    /// <summary>
    /// What SQL users query: <c>sensor_data</c> and each aggregate's table, with sensor ids and averages, as far as materialised. Times are
    /// UTC.
    /// </summary>
    public IEnumerable<string> CreateViews(StoreState state)
    {
        const string Named = "JOIN internal.sensors USING (sensor)";
        yield return $"CREATE OR REPLACE VIEW {Identifier.Quote(TelemetrySchema.RawTable)} AS SELECT time, sensor_id, {MetricColumns} "
            + $"FROM ({Raw(state, TimeRange.All, "true")}) {Named}";
        foreach (var aggregate in schema.Aggregates)
        {
            var values = Values(aggregate).Zip(aggregate.Columns, (value, column) => $"{value} AS {Identifier.Quote(column)}");
            yield return $"""
                CREATE OR REPLACE VIEW {Identifier.Quote(aggregate.Table)} AS
                SELECT bucket AS {Identifier.Quote(aggregate.BucketColumn)}, sensor_id, {string.Join(", ", values)}, reading_count
                    FROM {Table(aggregate)} {Named}
                """;
        }
    }

    public static string AddMetric(AggregateDefinition aggregate, string metric)
        => string.Join(
            "; ",
            PartialNames(metric).Select((name, i) => $"ALTER TABLE {Table(aggregate)} ADD COLUMN {name} {(i == 1 ? "BIGINT" : "DOUBLE")}"));

    /// <summary>The last reading of each sensor in a raw table: sensor, micros, metrics.</summary>
    public string LatestIn(string table) => $"SELECT sensor, {RawMicros}, {MetricColumns} FROM ({LatestRowsIn(table)})";

    /// <summary>The rows of a raw table that are their sensors' last.</summary>
    public static string LatestRowsIn(string table)
        => $"SELECT * FROM {table} WHERE (sensor, {RawMicros}) IN (SELECT (sensor, max({RawMicros})) FROM {table} GROUP BY sensor)";

    /// <summary>One sensor's readings of chunks by whole minutes, in no order. Parameters: sensor, first minute, last minute.</summary>
    /// <remarks>The reader trims to the microsecond and sorts: in SQL both take as long as the scan.</remarks>
    public string RawOfSensor(IEnumerable<Chunk> chunks) => string.Join(" UNION ALL ", chunks.Select(chunk =>
        $"SELECT {RawMicros}, {MetricColumns} FROM {chunk.Table} WHERE sensor = $1 AND minute >= $2 AND minute <= $3"));

    /// <summary>
    /// Readings of neighbouring sensors from a minute on: sensor, micros, metrics. Parameters: first sensor, the one after the last, first
    /// minute.
    /// </summary>
    public string RawOfSensors(Chunk chunk)
        => $"SELECT sensor, {RawMicros}, {MetricColumns} FROM {chunk.Table} WHERE sensor >= $1 AND sensor < $2 AND minute >= $3";

    /// <summary>Which rows of the temporary table <c>late</c> a chunk holds: sensor, micros, whether all values are the same.</summary>
    public string LateIn(Chunk chunk, TimeRange range)
        => $"SELECT c.sensor, c.minute::BIGINT * 60000000 + c.micros, {SameValues} {JoinLate(chunk, range)}";

    /// <summary>Deletes the chunk's readings that <c>late</c> has with other values.</summary>
    public string DeleteReplaced(Chunk chunk, TimeRange range)
        => $"DELETE FROM {chunk.Table} WHERE rowid IN (SELECT c.rowid {JoinLate(chunk, range)} AND NOT ({SameValues}))";

    private string SameValues => string.Join(
        " AND ",
        schema.Metrics.Select(m => $"c.{Identifier.Quote(m.Name)} IS NOT DISTINCT FROM l.{Identifier.Quote(m.Name)}"));

    private static string JoinLate(Chunk chunk, TimeRange range)
        => $"FROM {chunk.Table} c JOIN late l ON c.sensor = l.sensor AND c.minute = l.minute AND c.micros = l.micros WHERE "
            + $"{WithinTime(range, "c.")}";

    public string RawOfAll(Chunk chunk, TimeRange range)
        => $"SELECT {RawMicros}, sensor, {MetricColumns} FROM {chunk.Table} WHERE {WithinTime(range)}";

    /// <summary>
    /// One sensor's materialised partials: bucket micros, reading_count, then the metrics' as doubles. Parameters: sensor, from, to.
    /// </summary>
    public string PartialsOfSensor(AggregateDefinition aggregate)
        => $"SELECT {PartialsOf(aggregate)} WHERE sensor = $1 AND bucket >= $2 AND bucket < $3";

    /// <summary>The first bucket that one sensor has materialised in a range: its micros. Parameters: sensor, from, to.</summary>
    public static string FirstBucket(AggregateDefinition aggregate)
        => $"SELECT epoch_us(min(bucket)) FROM {Table(aggregate)} WHERE sensor = $1 AND bucket >= $2 AND bucket < $3";

    /// <summary>
    /// Materialised partials of neighbouring sensors: sensor, then as <see cref="PartialsOfSensor"/>. Parameters: first sensor, the one
    /// after the last, from, to.
    /// </summary>
    public string PartialsOfSensors(AggregateDefinition aggregate)
        => $"SELECT sensor, {PartialsOf(aggregate)} WHERE sensor >= $1 AND sensor < $2 AND bucket >= $3 AND bucket < $4 ORDER BY "
            + "sensor, bucket";

    /// <summary>
    /// Rows as readers see them: bucket micros, sensor, reading_count, then the aggregate's columns. Parameter 1 is the sensor when there
    /// is one.
    /// </summary>
    public string Select(StoreState state, AggregateDefinition aggregate, TimeRange range, bool oneSensor, bool fromRaw, bool realTime)
    {
        var filter = oneSensor ? "sensor = $1" : "true";
        var partials = fromRaw ? FromRaw(state, aggregate, range, filter) : Partials(state, aggregate, range, filter, realTime);
        return $"SELECT epoch_us(bucket), sensor, reading_count::BIGINT, {string.Join(", ", Values(aggregate))} FROM ({partials})";
    }

    /// <summary>One metric's average per bucket over all sensors: bucket micros, average, readings.</summary>
    public string Fleet(StoreState state, AggregateDefinition aggregate, string metric, TimeRange range, bool fromRaw, bool realTime)
    {
        if (fromRaw)
        {
            var whole = new TimeRange(aggregate.Bucket.Ceiling(range.From), aggregate.Bucket.Ceiling(range.To));
            return $"""
                SELECT epoch_us({Bucket(aggregate.Bucket, "time")}) AS b, avg({Identifier.Quote(metric)}), count(*)
                FROM ({Raw(state, whole, "true")}) GROUP BY b ORDER BY b
                """;
        }

        var names = PartialNames(metric).ToArray();
        return $"""
            SELECT epoch_us(bucket) AS b, sum({names[0]}) / nullif(sum({names[1]}), 0), sum(reading_count)::BIGINT
            FROM ({Partials(state, aggregate, range, "true", realTime)}) GROUP BY b ORDER BY b
            """;
    }

    /// <summary>
    /// Partials of buckets whose start lies in the range: materialised ones below the watermark, then those of the source.
    /// </summary>
    public string Partials(StoreState state, AggregateDefinition aggregate, TimeRange range, string filter, bool realTime)
    {
        var watermark = state.Aggregate(aggregate).Watermark ?? Instant.MinValue;
        var materialised = range.Intersect(new TimeRange(Instant.MinValue, watermark));
        var tail = new TimeRange(Instant.Max(aggregate.Bucket.Ceiling(range.From), watermark), aggregate.Bucket.Ceiling(range.To));
        var parts = new List<string>(2);
        if (!materialised.IsEmpty)
        {
            parts.Add($"SELECT sensor, bucket, reading_count, {string.Join(", ", PartialColumns(aggregate))} FROM {Table(aggregate)} "
                + $"WHERE {filter} AND {Within("bucket", materialised)}");
        }

        if (realTime && !tail.IsEmpty)
        {
            parts.Add(aggregate.Source is null
                ? FromRaw(state, aggregate, tail, filter)
                : Rollup(aggregate, Partials(state, aggregate.Source, tail, filter, realTime)));
        }

        return parts.Count > 0
            ? string.Join("\nUNION ALL\n", parts)
            : $"SELECT sensor, bucket, reading_count, {string.Join(", ", PartialColumns(aggregate))} FROM {Table(aggregate)} WHERE false";
    }

    /// <summary>Partials of whole buckets from raw readings.</summary>
    public string FromRaw(StoreState state, AggregateDefinition aggregate, TimeRange range, string filter) => $"""
        SELECT sensor, {Bucket(aggregate.Bucket, "time")} AS bucket, {RawPartials(aggregate)}
        FROM ({Raw(state, range, filter)}) GROUP BY 1, 2
        """;

    /// <summary>Partials of coarser buckets from finer ones.</summary>
    public string Rollup(AggregateDefinition aggregate, string partials)
        => $"SELECT sensor, {Bucket(aggregate.Bucket, "bucket")} AS bucket, {RollupPartials()} FROM ({partials}) GROUP BY 1, 2";

    /// <summary>The select list that makes partials of raw readings, from reading_count on.</summary>
    public string RawPartials(AggregateDefinition aggregate) => string.Join(", ",
        [
            "count(*) AS reading_count",
            .. schema.Metrics.SelectMany(m => RawPartials(m.Name)),
            .. aggregate.ExtraColumns.Select(c => $"CAST({c.Expression} AS DOUBLE) AS {Identifier.Quote(c.Name)}"),
        ]);

    /// <summary>The select list that makes partials of finer ones, from reading_count on.</summary>
    public string RollupPartials()
        => string.Join(", ", ["sum(reading_count)::BIGINT AS reading_count", .. schema.Metrics.SelectMany(m => RollupPartials(m.Name))]);

    /// <summary>The readings of a range from all its chunks.</summary>
    public string Raw(StoreState state, TimeRange range, string filter)
    {
        var chunks = state.ChunksIn(range)
            .Select(c => $"SELECT sensor, {RawTime}, {MetricColumns} FROM {c.Table} WHERE {filter} AND "
                + $"{WithinTime(range.Intersect(c.Range) == c.Range ? TimeRange.All : range)}")
            .ToList();
        return chunks.Count > 0
            ? string.Join(" UNION ALL ", chunks)
            : $"SELECT sensor, {RawTime}, {MetricColumns} FROM internal.latest WHERE false";
    }

    /// <summary>The columns of partials after reading_count.</summary>
    public IEnumerable<string> PartialColumns(AggregateDefinition aggregate)
        => schema.Metrics.SelectMany(m => PartialNames(m.Name)).Concat(aggregate.ExtraColumns.Select(c => Identifier.Quote(c.Name)));

    /// <summary>Readers' columns from partials.</summary>
    private IEnumerable<string> Values(AggregateDefinition aggregate)
        => schema.Metrics.SelectMany(m => Values(PartialNames(m.Name).ToArray()))
            .Concat(aggregate.ExtraColumns.Select(c => Identifier.Quote(c.Name)));

    private static IEnumerable<string> Values(string[] names) => [$"{names[0]} / nullif({names[1]}, 0)", names[2], names[3]];

    private static IEnumerable<string> PartialNames(string metric)
        => [$"\"sum_{metric}\"", $"\"count_{metric}\"", $"\"min_{metric}\"", $"\"max_{metric}\""];

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
    public string Totals(StoreState state)
    {
        var watermark = state.Aggregate(schema.Finest).Watermark;
        var materialised = $"SELECT sensor, reading_count FROM {Table(schema.Finest)}";
        var tail = "SELECT sensor, count(*) AS reading_count FROM "
            + $"({Raw(state, new TimeRange(watermark ?? Instant.MinValue, Instant.MaxValue), "true")}) GROUP BY sensor";
        return $"SELECT sensor, sum(reading_count)::BIGINT FROM ({materialised} UNION ALL {tail}) GROUP BY sensor";
    }

    private string PartialsOf(AggregateDefinition aggregate)
    {
        var partials = schema.Metrics.SelectMany(m => PartialNames(m.Name)).Select((name, i) => i % 4 == 1 ? $"{name}::DOUBLE" : name);
        return $"epoch_us(bucket), reading_count, {string.Join(", ", partials)} FROM {Table(aggregate)}";
    }

    /// <summary>Buckets of an aggregate that wait for a refresh, because of itself or of what it is built from: sensor, bucket.</summary>
    public string Pending(AggregateDefinition aggregate, TimeRange range)
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
    /// reading_count first.
    /// </summary>
    public string Compare(StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        string Side(string alias)
            => string.Join(", ", aggregate.Columns.Select(Identifier.Quote).Prepend("reading_count").Select(c => $"{alias}.{c}::DOUBLE"));
        string Rows(string partials)
            => "SELECT sensor, bucket, reading_count, "
                + $"{string.Join(", ", Values(aggregate).Zip(aggregate.Columns, (v, c) => $"{v} AS {Identifier.Quote(c)}"))} FROM "
                + $"({partials})";
        return $"""
            SELECT epoch_us(coalesce(a.bucket, r.bucket)), coalesce(a.sensor, r.sensor), {Side("a")}, {Side("r")}
            FROM ({Rows($"SELECT * FROM {Table(aggregate)} WHERE {Within("bucket", range)}")}) a
            FULL JOIN ({Rows(FromRaw(state, aggregate, range, "true"))}) r ON a.sensor = r.sensor AND a.bucket = r.bucket
            WHERE (coalesce(a.sensor, r.sensor), coalesce(a.bucket, r.bucket)) NOT IN (SELECT (sensor, bucket)
                FROM ({Pending(aggregate, range)}))
            """;
    }

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

    public static string Within(string column, TimeRange range)
    {
        var conditions = new StringBuilder("true");
        if (range.From > Instant.MinValue)
        {
            conditions.Append(CultureInfo.InvariantCulture, $" AND {column} >= {Literal(range.From)}");
        }

        if (range.To < Instant.MaxValue)
        {
            conditions.Append(CultureInfo.InvariantCulture, $" AND {column} < {Literal(range.To)}");
        }

        return conditions.ToString();
    }

    /// <summary>
    /// A condition on a raw table's rows; by minutes first, which prunes, then exactly where a bound lies inside a minute.
    /// </summary>
    public static string WithinTime(TimeRange range, string alias = "")
    {
        var conditions = new StringBuilder("true");
        if (range.From > Instant.MinValue)
        {
            conditions.Append(CultureInfo.InvariantCulture, $" AND {alias}minute >= {Minute(range.From)}");
            if (range.From.Micros % MicrosPerMinute != 0)
            {
                conditions.Append(
                    CultureInfo.InvariantCulture,
                    $" AND ({alias}minute::BIGINT * 60000000 + {alias}micros) >= {range.From.Micros}");
            }
        }

        if (range.To < Instant.MaxValue)
        {
            conditions.Append(CultureInfo.InvariantCulture, $" AND {alias}minute <= {Minute(new Instant(range.To.Micros - 1))}");
            if (range.To.Micros % MicrosPerMinute != 0)
            {
                conditions.Append(
                    CultureInfo.InvariantCulture,
                    $" AND ({alias}minute::BIGINT * 60000000 + {alias}micros) < {range.To.Micros}");
            }
        }

        return conditions.ToString();
    }

    /// <summary>The minute since the epoch that holds the instant, at most the last one a column can hold.</summary>
    public static int Minute(Instant instant)
        => (int)Math.Clamp(
            (instant.Micros - (((instant.Micros % MicrosPerMinute) + MicrosPerMinute) % MicrosPerMinute)) / MicrosPerMinute,
            int.MinValue,
            int.MaxValue);

    private static string Resource(string name)
    {
        using var stream = typeof(DuckDbSql).Assembly.GetManifestResourceStream($"Tidemark.DuckDb.Schema.{name}")!;
        return new StreamReader(stream).ReadToEnd();
    }
}
