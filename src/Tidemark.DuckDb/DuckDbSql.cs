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
/// <para>
/// Metrics that have no columns are in a map from their ids to values, which is null without any. Their partials are rows of a table of
/// their own beside the aggregate's.
/// </para>
/// </remarks>
internal static partial class DuckDbSql
{
    public const long MicrosPerMinute = 60_000_000;

    public static readonly string CreateTables = Resource("0001_tables.sql");

    /// <summary>A raw row's time in microseconds.</summary>
    public const string RawMicros = "(minute::BIGINT * 60000000 + micros)";

    /// <summary>The column of a raw table that is a map: no metric can have that name.</summary>
    public const string Map = "\"_more\"";

    public const string MapType = "MAP(SMALLINT, DOUBLE)";

    private const string RawTime = $"make_timestamp({RawMicros}) AS time";

    private static readonly string NoMap = $"NULL::{MapType} AS {Map}";

    public static string Table(AggregateDefinition aggregate) => $"internal.{Identifier.Quote("agg_" + aggregate.Name)}";

    /// <summary>The partials of metrics in the map: sensor, metric, bucket, sum, count, min, max.</summary>
    public static string MapTable(AggregateDefinition aggregate) => $"internal.{Identifier.Quote("more_" + aggregate.Name)}";

    public static string Literal(Instant instant)
        => $"TIMESTAMP '{instant.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}'";

    public static string Bucket(BucketWidth width, string column) => $"time_bucket(INTERVAL '{width.Sql}', {column})";

    public static string CreateRaw(string table, MetricCatalog metrics, bool hasMap)
        => $"CREATE TABLE IF NOT EXISTS {table} (sensor INTEGER NOT NULL, minute INTEGER NOT NULL, micros INTEGER NOT NULL, "
            + $"{string.Join(", ", Columns(metrics).Select(m => $"{m} DOUBLE").Concat(hasMap ? [$"{Map} {MapType}"] : []))})";

    public static string AddMap(string table) => $"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {Map} {MapType}";

    /// <summary>The columns of a raw table, to be copied to another.</summary>
    /// <param name="metrics">Of the store.</param>
    /// <param name="from">Whether there is a map where they come from.</param>
    /// <param name="to">Whether there is one where they go.</param>
    public static string RawColumns(MetricCatalog metrics, bool from, bool to)
        => string.Join(", ", ["sensor", "minute", "micros", .. Columns(metrics), .. to ? [from ? Map : NoMap] : Array.Empty<string>()]);

    public static string CreateAggregate(AggregateDefinition aggregate, MetricCatalog metrics)
    {
        var partials = PartialNames(metrics.Columns).Select((name, i) => $"{name} {(i % 4 == 1 ? "BIGINT" : "DOUBLE")}");
        var extra = aggregate.ExtraColumns.Select(c => $"{Identifier.Quote(c.Name)} DOUBLE");
        return $"CREATE TABLE {Table(aggregate)} (sensor INTEGER NOT NULL, bucket TIMESTAMP NOT NULL, reading_count BIGINT NOT NULL, "
            + $"{string.Join(", ", partials.Concat(extra))})";
    }

    public static string CreateMapTable(AggregateDefinition aggregate)
        => $"CREATE TABLE IF NOT EXISTS {MapTable(aggregate)} (sensor INTEGER NOT NULL, metric SMALLINT NOT NULL, bucket TIMESTAMP NOT "
            + "NULL, sum DOUBLE NOT NULL, count BIGINT NOT NULL, min DOUBLE NOT NULL, max DOUBLE NOT NULL)";

    public static string AddMetric(AggregateDefinition aggregate, string metric)
        => string.Join(
            "; ",
            PartialNames(metric).Select((name, i) => $"ALTER TABLE {Table(aggregate)} ADD COLUMN {name} {(i == 1 ? "BIGINT" : "DOUBLE")}"));

    public static string DropMetric(AggregateDefinition aggregate, string metric)
        => string.Join("; ", PartialNames(metric).Select(name => $"ALTER TABLE {Table(aggregate)} DROP COLUMN {name}"));

    /// <summary>
    /// What SQL users query: <c>sensor_data</c> and each aggregate's table, with sensor ids and averages, as far as materialised. Times are
    /// UTC.
    /// </summary>
    public static IEnumerable<string> CreateViews(StoreState state, TelemetrySchema schema)
    {
        const string Named = "JOIN internal.sensors USING (sensor)";
        var all = state.Metrics.Everything;
        var names = string.Join(", ", all.Names.Select(Identifier.Quote));
        yield return $"CREATE OR REPLACE VIEW {Identifier.Quote(TelemetrySchema.RawTable)} AS SELECT time, sensor_id, {names} "
            + $"FROM ({Raw(state, TimeRange.All, "true", all)}) {Named}";
        foreach (var aggregate in schema.Aggregates)
        {
            var values = Values(aggregate, all, withExtra: true)
                .Zip(aggregate.Columns(all.Names), (value, column) => $"{value} AS {Identifier.Quote(column)}");
            yield return $"""
                CREATE OR REPLACE VIEW {Identifier.Quote(aggregate.Table)} AS
                SELECT bucket AS {Identifier.Quote(aggregate.BucketColumn)}, sensor_id, {string.Join(", ", values)}, reading_count
                    FROM ({Materialised(aggregate, TimeRange.All, "true", all, withExtra: true)}) {Named}
                """;
        }
    }

    private static IEnumerable<string> Columns(MetricCatalog metrics) => metrics.Columns.Select(m => Identifier.Quote(m.Name));

    /// <summary>The columns of partials of metrics, after reading_count.</summary>
    private static IEnumerable<string> PartialNames(IEnumerable<StoredMetric> metrics) => metrics.SelectMany(m => PartialNames(m.Name));

    private static IEnumerable<string> PartialNames(string metric)
        => [$"\"sum_{metric}\"", $"\"count_{metric}\"", $"\"min_{metric}\"", $"\"max_{metric}\""];

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
