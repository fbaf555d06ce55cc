using System.Globalization;

namespace Tidemark.DuckDb;

/// <remarks>Raw readings.</remarks>
internal static partial class DuckDbSql
{
    /// <summary>The last reading of each sensor in a raw table: sensor, micros, metrics with columns, the map if there is one.</summary>
    public static string LatestIn(string table, MetricCatalog metrics, bool hasMap)
        => $"SELECT sensor, {RawMicros}, {string.Join(", ", Columns(metrics).Append(hasMap ? Map : NoMap))} FROM ({LatestRowsIn(table)})";

    /// <summary>The rows of a raw table that are their sensors' last.</summary>
    public static string LatestRowsIn(string table)
        => $"SELECT * FROM {table} WHERE (sensor, {RawMicros}) IN (SELECT (sensor, max({RawMicros})) FROM {table} GROUP BY sensor)";

    /// <summary>One sensor's readings of chunks by whole minutes, in no order. Parameters: sensor, first minute, last minute.</summary>
    /// <remarks>The reader trims to the microsecond and sorts: in SQL both take as long as the scan.</remarks>
    public static string RawOfSensor(IEnumerable<Chunk> chunks, Selection metrics) => string.Join(" UNION ALL ", chunks.Select(chunk =>
        $"SELECT {string.Join(", ", [RawMicros, .. Columns(chunk, metrics)])} FROM {chunk.Table} "
            + "WHERE sensor = $1 AND minute >= $2 AND minute <= $3"));

    /// <summary>
    /// Readings of neighbouring sensors from a minute on: sensor, micros, metrics. Parameters: first sensor, the one after the last, first
    /// minute.
    /// </summary>
    public static string RawOfSensors(Chunk chunk, Selection metrics)
        => $"SELECT {string.Join(", ", ["sensor", RawMicros, .. Columns(chunk, metrics)])} FROM {chunk.Table} "
            + "WHERE sensor >= $1 AND sensor < $2 AND minute >= $3";

    /// <summary>The same of chunks up to a minute. Parameters: also the last minute.</summary>
    public static string RawOfSensors(IEnumerable<Chunk> chunks, Selection metrics)
        => string.Join(" UNION ALL ", chunks.Select(chunk => $"{RawOfSensors(chunk, metrics)} AND minute <= $4"));

    public static string RawOfAll(Chunk chunk, TimeRange range, Selection metrics)
        => $"SELECT {string.Join(", ", [RawMicros, "sensor", .. Columns(chunk, metrics)])} FROM {chunk.Table} WHERE {WithinTime(range)}";

    /// <summary>Which rows of the temporary table <c>late</c> a chunk holds: sensor, micros, whether all values are the same.</summary>
    public static string LateIn(MetricCatalog metrics, Chunk chunk, TimeRange range)
        => $"SELECT c.sensor, c.minute::BIGINT * 60000000 + c.micros, {SameValues(metrics, chunk)} {JoinLate(chunk, range)}";

    /// <summary>
    /// What a chunk holds of the identities in <c>late</c>: sensor, micros, metrics with columns, the map if there is one.
    /// </summary>
    public static string StoredIn(MetricCatalog metrics, Chunk chunk, TimeRange range)
    {
        var columns = Columns(metrics).Select(m => $"c.{m}").Append(chunk.HasMap ? $"c.{Map}" : NoMap);
        return $"SELECT c.sensor, c.minute::BIGINT * 60000000 + c.micros, {string.Join(", ", columns)} {JoinLate(chunk, range)}";
    }

    /// <summary>Deletes the chunk's readings that <c>late</c> has with other values.</summary>
    public static string DeleteReplaced(MetricCatalog metrics, Chunk chunk, TimeRange range)
        => $"DELETE FROM {chunk.Table} WHERE rowid IN (SELECT c.rowid {JoinLate(chunk, range)} AND NOT ({SameValues(metrics, chunk)}))";

    private static string SameValues(MetricCatalog metrics, Chunk chunk)
    {
        var columns = Columns(metrics).SelectMany(m => new[] { Same($"c.{m}", $"l.{m}"), Same($"signbit(c.{m})", $"signbit(l.{m})") });
        var known = KnownPart(metrics, "c");
        var map = chunk.HasMap ? $"{Same(known, $"l.{Map}")} AND {Same(Signs(known), Signs($"l.{Map}"))}" : $"l.{Map} IS NULL";
        return string.Join(" AND ", columns.Concat(metrics.HasMap ? [map] : []).DefaultIfEmpty("true"));
    }

    private static string Same(string a, string b) => $"{a} IS NOT DISTINCT FROM {b}";

    /// <summary>To DuckDB 0 and −0 are equal.</summary>
    private static string Signs(string map) => $"list_transform(map_values({map}), lambda v: signbit(v))";

    /// <summary>A row's map without metrics that were taken away.</summary>
    private static string KnownPart(MetricCatalog metrics, string alias) => metrics.Removed.Count == 0
        ? $"{alias}.{Map}"
        : $"nullif(map_from_entries(list_filter(map_entries({alias}.{Map}), lambda e: e.key NOT IN ({Ids(metrics.Removed)}))), MAP {{}})";

    private static string JoinLate(Chunk chunk, TimeRange range)
        => $"FROM {chunk.Table} c JOIN late l ON c.sensor = l.sensor AND c.minute = l.minute AND c.micros = l.micros WHERE "
            + $"{WithinTime(range, "c.")}";

    /// <summary>The readings of a range from all its chunks: sensor, time, metrics by name.</summary>
    public static string Raw(StoreState state, TimeRange range, string filter, Selection metrics)
    {
        var chunks = state.ChunksIn(range)
            .Select(c => $"SELECT {string.Join(", ", ["sensor", RawTime, .. Columns(c, metrics)])} FROM {c.Table} WHERE {filter} AND "
                + $"{WithinTime(range.Intersect(c.Range) == c.Range ? TimeRange.All : range)}")
            .ToList();
        return chunks.Count > 0
            ? string.Join(" UNION ALL ", chunks)
            : $"SELECT {string.Join(", ", ["sensor", RawTime, .. metrics.Names.Select(NullOf)])} FROM internal.latest WHERE false";
    }

    /// <summary>The values of a range that are in maps: sensor, time, metric, value.</summary>
    public static string RawMap(StoreState state, TimeRange range)
    {
        var chunks = state.ChunksIn(range).Where(c => c.HasMap)
            .Select(c => $"SELECT sensor, {RawTime}, unnest(map_keys({Map})) AS metric, unnest(map_values({Map})) AS value FROM {c.Table} "
                + $"WHERE {WithinTime(range.Intersect(c.Range) == c.Range ? TimeRange.All : range)}")
            .DefaultIfEmpty(
                $"SELECT sensor, {RawTime}, 0::SMALLINT AS metric, 0::DOUBLE AS value FROM internal.latest WHERE false");
        var all = string.Join(" UNION ALL ", chunks);
        return state.Metrics.Removed.Count == 0
            ? all
            : $"SELECT * FROM ({all}) WHERE metric NOT IN ({Ids(state.Metrics.Removed)})";
    }

    private static IEnumerable<string> Columns(Chunk chunk, Selection metrics) => metrics.Metrics.Select(m => m.IsColumn
        ? Identifier.Quote(m.Name)
        : chunk.HasMap ? $"{Map}[{m.Id.ToString(CultureInfo.InvariantCulture)}] AS {Identifier.Quote(m.Name)}" : NullOf(m.Name));

    private static string NullOf(string name) => $"NULL::DOUBLE AS {Identifier.Quote(name)}";

    private static string Ids(IEnumerable<short> ids) => string.Join(", ", ids.Select(id => id.ToString(CultureInfo.InvariantCulture)));
}
