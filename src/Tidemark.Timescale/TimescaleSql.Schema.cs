using System.Globalization;

namespace Tidemark.Timescale;

/// <summary>Statements that create what a store is made of.</summary>
internal sealed partial class TimescaleSql
{
    public static readonly string[] CreateCatalog = [Resource("0001_catalog.sql"), Resource("0002_jobs.sql")];

    /// <remarks>
    /// The key (sensor_id, time) gives identity and serves reads of a sensor; in an append-only store, where TimescaleDB compresses bulk
    /// loads
    /// only without any unique index, an index does the latter. A block-range index on time, of a few pages a chunk and
    /// nearly free to keep, lets a refresh read new readings only. Ids compare by bytes: faster than by a language's rules, and as the
    /// domain orders them.
    /// </remarks>
    public string CreateRaw(TimeSpan chunkInterval, bool appendOnly)
    {
        var metrics = string.Join(", ", schema.Metrics.Select(m => $"{Identifier.Quote(m.Name)} double precision"));
        return $"""
            CREATE TABLE {Raw} (time timestamptz NOT NULL, sensor_id varchar(50) COLLATE "C" NOT NULL, {metrics}
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
        IEnumerable<string> columns =
        [
            $"{Bucket(aggregate.Bucket, time)} AS {BucketColumn(aggregate)}",
            "sensor_id",
            .. schema.Metrics.SelectMany(m => Averaged(m.Name, source is not null)),
            source is null ? "count(*) AS reading_count" : "sum(reading_count)::bigint AS reading_count",
            .. aggregate.ExtraColumns.Select(c => $"({c.Expression})::double precision AS {Identifier.Quote(c.Name)}"),
            .. schema.Metrics.SelectMany(m => (source is null ? Aggregated(m.Name) : RolledUp(m.Name))[..2]),
        ];
        return $"""
            CREATE MATERIALIZED VIEW {Identifier.Quote(aggregate.Table)}
            WITH (timescaledb.continuous, timescaledb.materialized_only = {(realTime ? "false" : "true")}) AS
            SELECT
                {From(columns)}
            FROM {(source is null ? Raw : Identifier.Quote(source.Table))} GROUP BY 1, 2 WITH NO DATA
            """;
    }

    public string CreateFleet() => $"""
        CREATE MATERIALIZED VIEW {FleetView} WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
        SELECT {Bucket(schema.Finest.Bucket, BucketColumn(schema.Finest))} AS bucket,
            sum(reading_count)::bigint AS reading_count, {string.Join(", ", schema.Metrics.SelectMany(m => RolledUp(m.Name)[..2]))}
        FROM {Identifier.Quote(schema.Finest.Table)} GROUP BY 1 WITH NO DATA
        """;

    /// <summary>
    /// A function that notes sensors, and last readings, that were written by SQL: those of which a bucket was materialised after all that
    /// is
    /// known of them. Where everything came through Tidemark it finds nothing, and asks for nothing more.
    /// </summary>
    public string CreateNoteSensors(IEnumerable<string> storedMetrics)
    {
        var finest = schema.BuiltFrom(null).MinBy(a => a.Bucket.Approximate)!;
        return $"""
            CREATE OR REPLACE FUNCTION tidemark.note_sensors(since timestamptz) RETURNS void LANGUAGE sql AS $$
                INSERT INTO tidemark.sensors AS l (sensor_id, time, metrics)
                SELECT r.sensor_id, r.time, ARRAY[{string.Join(", ", storedMetrics.Select(m => $"r.{Identifier.Quote(m)}"))}]
                FROM (
                    SELECT DISTINCT sensor_id FROM {Table(finest)} m
                    WHERE m.{BucketColumn(finest)} >= since
                        AND NOT EXISTS (SELECT FROM tidemark.sensors s WHERE s.sensor_id = m.sensor_id COLLATE "C"
                            AND s.time >= m.{BucketColumn(finest)})) m
                CROSS JOIN LATERAL (SELECT * FROM {Raw} d WHERE d.sensor_id = m.sensor_id ORDER BY time DESC LIMIT 1) r
                ON CONFLICT (sensor_id) DO UPDATE SET time = excluded.time, metrics = excluded.metrics WHERE excluded.time > l.time
            $$
            """;
    }

    public static string Micros(TimeSpan span) => span.TotalMicroseconds.ToString("F0", CultureInfo.InvariantCulture);

    private static string[] Averaged(string metric, bool rolledUp)
    {
        var (sum, count, min, max) = Partial(metric);
        return rolledUp
            ? [$"sum({sum}) / nullif(sum({count}), 0)::double precision AS \"avg_{metric}\"", .. RolledUp(metric)[2..]]
            : [$"avg({Identifier.Quote(metric)}) AS \"avg_{metric}\"", .. Aggregated(metric)[2..]];
    }

    private static string Resource(string name)
    {
        using var stream = typeof(TimescaleSql).Assembly.GetManifestResourceStream($"Tidemark.Timescale.Schema.{name}")!;
        return new StreamReader(stream).ReadToEnd();
    }
}
