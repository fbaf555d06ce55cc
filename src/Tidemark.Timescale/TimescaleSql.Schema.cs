using System.Globalization;

namespace Tidemark.Timescale;

/// <summary>Statements that create what a store is made of.</summary>
internal sealed partial class TimescaleSql
{
    public static readonly string[] CreateCatalog =
    [
        Resource("0001_catalog.sql"), Resource("0002_jobs.sql"), Resource("0003_metrics.sql"), Resource("0004_commits.sql"),
        Resource("0005_documents.sql"),
    ];

    /// <remarks>
    /// The key (sensor_id, time) gives identity and serves reads of a sensor; in an append-only store, where TimescaleDB compresses bulk
    /// loads
    /// only without any unique index, an index does the latter. A block-range index on time, of a few pages a chunk and
    /// nearly free to keep, lets a refresh read new readings only. Ids compare by bytes: faster than by a language's rules, and as the
    /// domain orders them.
    /// </remarks>
    public string CreateRaw(TimeSpan chunkInterval, bool appendOnly)
    {
        var metrics = AfterCommas(schema.MetricNames.Select(m => $"{Identifier.Quote(m)} double precision"));
        return $"""
            CREATE TABLE {Raw} (time timestamptz NOT NULL, sensor_id varchar(50) COLLATE "C" NOT NULL{metrics}
                {(appendOnly ? "" : ", PRIMARY KEY (sensor_id, time)")});
            SELECT create_hypertable('{Raw}', by_range('time', INTERVAL '{Micros(chunkInterval)} microseconds'),
                create_default_indexes => false);
            {(appendOnly ? CreateSensorIndex : "")};
            CREATE INDEX sensor_data_time ON {Raw} USING brin (time) WITH (autosummarize = on);
            ALTER TABLE {Raw} SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_id',
                timescaledb.compress_orderby = 'time');
            """;
    }

    public const string CreateSensorIndex = $"CREATE INDEX IF NOT EXISTS sensor_data_sensor_time ON {Raw} (sensor_id, time)";

    public string CreateAggregate(AggregateDefinition aggregate, bool realTime)
    {
        string From(IEnumerable<string> columns) => string.Join(",\n    ", columns);
        var source = aggregate.Source;
        var time = source is null ? "time" : BucketColumn(source);
        var metrics = schema.Metrics.Select(m => ColumnsOf(m.Name, source is not null)).ToList();
        IEnumerable<string> columns =
        [
            $"{Bucket(aggregate.Bucket, time)} AS {BucketColumn(aggregate)}",
            "sensor_id",
            .. metrics.SelectMany(columns => columns[..3]).Select(c => c.Select),
            source is null ? "count(*) AS reading_count" : "sum(reading_count)::bigint AS reading_count",
            .. aggregate.ExtraColumns.Select(c => $"({c.Expression})::double precision AS {Identifier.Quote(c.Name)}"),
            .. metrics.SelectMany(columns => columns[3..]).Select(c => c.Select),
        ];
        return $"""
            CREATE MATERIALIZED VIEW {Identifier.Quote(aggregate.Table)}
            WITH (timescaledb.continuous, timescaledb.materialized_only = {(realTime ? "false" : "true")}) AS
            SELECT
                {From(columns)}
            FROM {(source is null ? Raw : Identifier.Quote(source.Table))} GROUP BY 1, 2 WITH NO DATA
            """;
    }

    /// <summary>
    /// Adds the columns of metrics to an aggregate that is there. They are null in what is materialised. The types are exactly those of the
    /// expressions: TimescaleDB doesn't compare them, and every refresh would fail.
    /// </summary>
    public static string AddColumns(AggregateDefinition aggregate, IEnumerable<string> metrics)
        => AddColumns(Identifier.Quote(aggregate.Table), metrics.SelectMany(m => ColumnsOf(m, aggregate.Source is not null)));

    public static string AddFleetColumns(IEnumerable<string> metrics)
        => AddColumns(FleetView, metrics.SelectMany(m => ColumnsOf(m, rolledUp: true)[3..]));

    public static string AddRawColumns(IEnumerable<string> metrics) => $"ALTER TABLE {Raw} "
        + string.Join(", ", metrics.Select(m => $"ADD COLUMN {Identifier.Quote(m)} double precision"));

    private static string AddColumns(string view, IEnumerable<ViewColumn> columns) => $"ALTER MATERIALIZED VIEW {view} "
        + string.Join(", ", columns.Select(c => $"ADD COLUMN {c.Name} {c.Type} GENERATED ALWAYS AS ({c.Expression}) STORED"));

    /// <summary>
    /// Takes a metric's columns out of the way, under names that no metric can have: TimescaleDB drops no column of an aggregate, nor one
    /// that an aggregate is made from.
    /// </summary>
    public static IEnumerable<string> Retire(IEnumerable<AggregateDefinition> aggregates, string metric, short position)
    {
        var retired = $"removed {position}";
        yield return $"ALTER TABLE {Raw} RENAME COLUMN {Identifier.Quote(metric)} TO \"{retired}\"";
        foreach (var kind in (string[])["avg", "min", "max", "sum", "count"])
        {
            foreach (var view in aggregates.Select(a => Identifier.Quote(a.Table)).Concat(kind is "sum" or "count" ? [FleetView] : []))
            {
                yield return $"ALTER MATERIALIZED VIEW {view} RENAME COLUMN \"{kind}_{metric}\" TO \"{kind}_{retired}\"";
            }
        }
    }

    /// <summary>How many metrics an aggregate has, at most, under names of <see cref="Retire"/>.</summary>
    public const string CountRetired = """
        SELECT coalesce(max(retired), 0)::integer FROM (
            SELECT count(*) AS retired FROM tidemark.aggregates a JOIN _timescaledb_catalog.hypertable h ON h.id = a.materialization
            JOIN pg_attribute c ON c.attrelid = format('%I.%I', h.schema_name, h.table_name)::regclass
            WHERE c.attname LIKE 'count\_removed %' AND NOT c.attisdropped GROUP BY a.name) counts
        """;

    public string CreateFleet() => $"""
        CREATE MATERIALIZED VIEW {FleetView} WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
        SELECT {Bucket(schema.Finest.Bucket, BucketColumn(schema.Finest))} AS bucket,
            sum(reading_count)::bigint AS reading_count{AfterCommas(schema.Metrics.SelectMany(m => RolledUp(m.Name)[..2]))}
        FROM {Identifier.Quote(schema.Finest.Table)} GROUP BY 1 WITH NO DATA
        """;

    /// <summary>
    /// A function that notes what was written by SQL: sensors and last readings of which a bucket was materialised after all that is known
    /// of them, then the metrics that sensors sent. Where everything came through Tidemark it finds nothing, and asks for nothing more.
    /// </summary>
    /// <param name="metrics">By position, null for one that was removed.</param>
    public string CreateNoteSensors(IReadOnlyList<string?> metrics)
    {
        var finest = schema.BuiltFrom(null).MinBy(a => a.Bucket.Approximate)!;
        var values = metrics.Select(m => m is null ? "NULL" : $"r.{Identifier.Quote(m)}");
        return $"""
            CREATE OR REPLACE FUNCTION tidemark.note_sensors(since timestamptz) RETURNS void LANGUAGE sql AS $$
                INSERT INTO tidemark.sensors AS l (sensor_id, time, metrics, sent)
                SELECT r.sensor_id, r.time, ARRAY[{string.Join(", ", values)}]::double precision[], ARRAY[]::smallint[]
                FROM (
                    SELECT DISTINCT sensor_id FROM {Table(finest)} m
                    WHERE m.{BucketColumn(finest)} >= since
                        AND NOT EXISTS (SELECT FROM tidemark.sensors s WHERE s.sensor_id = m.sensor_id COLLATE "C"
                            AND s.time >= m.{BucketColumn(finest)})) m
                CROSS JOIN LATERAL (SELECT * FROM {Raw} d WHERE d.sensor_id = m.sensor_id ORDER BY time DESC LIMIT 1) r
                ON CONFLICT (sensor_id) DO UPDATE SET time = excluded.time, metrics = excluded.metrics WHERE excluded.time > l.time;
                {NoteSent($"SELECT sensor_id{Counts(metrics, m => $"max(\"count_{m}\")")} FROM {Table(finest)} "
                    + $"WHERE {BucketColumn(finest)} >= since GROUP BY 1", metrics)}
            $$
            """;
    }

    /// <summary>
    /// Notes which metrics sensors sent, where nothing is noted of that yet: those of last readings, of readings from the instant on, and
    /// of what an aggregate has materialised before it.
    /// </summary>
    /// <param name="metrics">By position.</param>
    /// <param name="watermark">Where the aggregate ends.</param>
    /// <param name="table">Its buckets; null for none.</param>
    public static string FillSent(IReadOnlyList<string?> metrics, Instant watermark, string? table) => NoteSent(
        $"""
        SELECT sensor_id{AfterCommas(metrics.Select((_, p) => $"(metrics[{p + 1}] IS NOT NULL)::integer AS c{p}"))} FROM tidemark.sensors
        UNION ALL SELECT sensor_id{Counts(metrics, m => $"count({Identifier.Quote(m)})")} FROM {Raw}
        WHERE {(watermark > Instant.MinValue ? $"time >= {Literal(watermark)}" : "true")} GROUP BY 1
        {(table is null ? "" : $"UNION ALL SELECT sensor_id{Counts(metrics, m => $"sum(\"count_{m}\")")} FROM {table} GROUP BY 1")}
        """,
        metrics);

    private static string Counts(IReadOnlyList<string?> metrics, Func<string, string> count)
        => AfterCommas(metrics.Select((m, p) => $"{(m is null ? "0" : count(m))} AS c{p}"));

    /// <param name="counts">Rows of a sensor and how many values of each position it has, c0 and so on.</param>
    /// <param name="metrics">By position.</param>
    private static string NoteSent(string counts, IReadOnlyList<string?> metrics) => $"""
        UPDATE tidemark.sensors s SET sent = ARRAY(SELECT unnest(s.sent) UNION SELECT unnest(f.sent) ORDER BY 1)
        FROM (
            SELECT sensor_id, array_remove(ARRAY[{string.Join(", ", metrics.Select((m, p)
                => m is null ? "NULL" : $"CASE WHEN sum(c{p}) > 0 THEN {p} END"))}], NULL)::smallint[] AS sent
            FROM ({counts}) c GROUP BY 1) f
        WHERE f.sensor_id = s.sensor_id COLLATE "C" AND (s.sent IS NULL OR NOT s.sent @> f.sent)
        """;

    public static string Micros(TimeSpan span) => span.TotalMicroseconds.ToString("F0", CultureInfo.InvariantCulture);

    /// <summary>A column of an aggregate's view, its name quoted.</summary>
    private sealed record ViewColumn(string Name, string Type, string Expression)
    {
        public string Select => $"{Expression} AS {Name}";
    }

    /// <summary>
    /// The columns of a metric: average, minimum, maximum, sum and count. The average is made of the two last, which are computed anyway,
    /// and a count of nothing is null: of many metrics most buckets have a few.
    /// </summary>
    private static ViewColumn[] ColumnsOf(string metric, bool rolledUp)
    {
        var (sum, count, min, max) = Partial(metric);
        var (column, average) = (Identifier.Quote(metric), $"\"avg_{metric}\"");
        ViewColumn Of(string name, string expression) => new(name, "double precision", expression);
        return rolledUp
            ?
            [
                Of(average, $"sum({sum}) / nullif(sum({count}), 0)::double precision"), Of(min, $"min({min})"), Of(max, $"max({max})"),
                Of(sum, $"sum({sum})"), new(count, "bigint", $"sum({count})::bigint"),
            ]
            :
            [
                Of(average, $"sum({column}) / nullif(count({column}), 0)::double precision"), Of(min, $"min({column})"),
                Of(max, $"max({column})"), Of(sum, $"sum({column})"), new(count, "bigint", $"nullif(count({column}), 0)"),
            ];
    }

    private static string Resource(string name)
    {
        using var stream = typeof(TimescaleSql).Assembly.GetManifestResourceStream($"Tidemark.Timescale.Schema.{name}")!;
        return new StreamReader(stream).ReadToEnd();
    }
}
