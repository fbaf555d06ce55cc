using Npgsql;

namespace Tidemark.Timescale;

/// <summary>
/// Late changes that others made by SQL. TimescaleDB logs at each transaction's end which range it changed below what is materialised. A
/// late transaction of Tidemark, or one that drops chunks, signs: among its notes of (sensor, bucket) is one of no aggregate, whose xmin is
/// that of its rows in the log. What isn't signed is by SQL, of any sensor.
/// </summary>
public sealed partial class TimescaleStore
{
    // The aggregate that a signature names.
    private const string Signature = "";

    /// <summary>
    /// An SQL condition: whether SQL changed raw readings in what the aggregate, one built from raw, has materialised of the range.
    /// </summary>
    private string IsChangedBySql(SqlParts parts, StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        range = range.Intersect(Rewritable(state, aggregate));
        return range.IsEmpty ? "false" : $"EXISTS (SELECT FROM {ChangesBySql(parts, range)})";
    }

    /// <summary>Forgets signatures under rows that a refresh has taken out of the log.</summary>
    private string ForgetSignatures => $"""
        DELETE FROM tidemark.invalidations WHERE aggregate = '{Signature}' AND xmin NOT IN (
            SELECT l.xmin FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l WHERE l.hypertable_id = {_rawId})
        """;

    /// <summary>
    /// Notes them like other late writes, for what is built from the aggregates too, before a refresh makes TimescaleDB forget who made
    /// them.
    /// </summary>
    private async Task NoteChangesBySqlAsync(NpgsqlConnection connection, StoreState state, CancellationToken cancellationToken)
    {
        var parts = new SqlParts();
        var notes = _kept.BuiltFrom(null).Select(a => (Aggregate: a, Range: Rewritable(state, a))).Where(a => !a.Range.IsEmpty)
            .Select(a => NotesBySql(parts, a.Aggregate, a.Range)).ToList();
        if (notes.Count > 0)
        {
            await using var batch = new NpgsqlBatch(connection) { Timeout = 0 };
            Add(
                batch,
                new NpgsqlBatchCommand(ForgetSignatures),
                parts.ToBatchCommand($"INSERT INTO tidemark.invalidations (aggregate, sensor_id, bucket) {string.Join(" UNION ", notes)}"));
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>What is materialised and may be written again.</summary>
    private static TimeRange Rewritable(StoreState state, AggregateDefinition aggregate)
        => new(aggregate.Bucket.Ceiling(state.FrozenBefore(aggregate)), state.Aggregate(aggregate).Watermark ?? Instant.MinValue);

    private string ChangesBySql(SqlParts parts, TimeRange range) => $"""
        _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
        WHERE l.hypertable_id = {_rawId} AND l.lowest_modified_value < {parts.Add(range.To.Micros)}
            AND l.greatest_modified_value >= {parts.Add(range.From.Micros)}
            AND l.xmin NOT IN (SELECT n.xmin FROM tidemark.invalidations n WHERE n.aggregate = '{Signature}')
        """;

    /// <summary>Aggregate, sensor and bucket of what is in changed buckets now, and of what was when they were materialised.</summary>
    private string NotesBySql(SqlParts parts, AggregateDefinition aggregate, TimeRange range)
    {
        string Bucket(string micros) => TimescaleSql.Bucket(aggregate.Bucket, $"_timescaledb_functions.to_timestamp({micros})");
        var changed = $"""
            (SELECT unnest(range_agg(tstzrange(
                {Bucket($"greatest(l.lowest_modified_value, {parts.Add(range.From.Micros)})")},
                {Bucket($"least(l.greatest_modified_value, {parts.Add(range.To.Micros - 1)})")} + INTERVAL '{aggregate.Bucket.Sql}'))) AS r
            FROM {ChangesBySql(parts, range)}) c
            """;
        var (name, bucket) = (parts.Add(aggregate.Name), Identifier.Quote(aggregate.BucketColumn));
        return $"""
            SELECT {name}, d.sensor_id, {TimescaleSql.Bucket(aggregate.Bucket, "d.time")} FROM {changed}
                JOIN {TimescaleSql.Raw} d ON d.time >= lower(c.r) AND d.time < upper(c.r)
            UNION SELECT {name}, m.sensor_id, m.{bucket} FROM {changed} JOIN {Sql.Table(aggregate)} m ON m.{bucket} >= lower(c.r)
                AND m.{bucket} < upper(c.r)
            """;
    }
}
