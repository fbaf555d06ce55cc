using Npgsql;

namespace Tidemark.Timescale;

/// <summary>What refreshes and writes tell each other.</summary>
public sealed partial class TimescaleStore
{
    /// <summary>
    /// Makes it known to writes that readings before the instant are late from now on, and lets those finish that don't know it.
    /// </summary>
    private static async Task AnnounceAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        Instant target,
        CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({WriteFence})", cancellationToken);
        await ExecuteAsync(
            connection,
            "UPDATE tidemark.aggregates SET target = greatest(target, $1) WHERE name = $2",
            cancellationToken,
            target.Micros,
            aggregate.Name);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Rows of the bookkeeping of invalid buckets, and how many buckets they tell of.</summary>
    private static async Task<(long[] Ids, long Buckets)> NotedAsync(
        NpgsqlConnection connection,
        string table,
        AggregateDefinition aggregate,
        TimeRange window,
        CancellationToken cancellationToken)
    {
        var parts = new SqlParts();
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, parts.ToBatchCommand($"""
            SELECT coalesce(array_agg(id), ARRAY[]::bigint[]), count(DISTINCT (sensor_id, bucket)) FROM {table}
            WHERE aggregate = {parts.Add(aggregate.Name)} AND {TimescaleSql.Within(parts, "bucket", window)}
            """));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetFieldValue<long[]>(0), reader.GetInt64(1));
    }

    /// <summary>Whether TimescaleDB's own logs tell of changes in the window: they know of writes by SQL too.</summary>
    private async Task<bool> IsLoggedAsync(
        NpgsqlConnection connection,
        string aggregate,
        TimeRange window,
        CancellationToken cancellationToken)
        => await ScalarAsync(
            connection,
            "SELECT EXISTS (SELECT FROM tidemark.outstanding WHERE aggregate = $1 AND lowest < $3 AND greatest >= $2)",
            cancellationToken,
            aggregate, window.From.Micros, window.To.Micros) is true;

    /// <summary>
    /// Deletes what was noted before a refresh, once it is done; what is built from the aggregate learns of it in the same transaction.
    /// </summary>
    private async Task ForgetAsync(
        NpgsqlConnection connection,
        StoreState state,
        AggregateDefinition aggregate,
        long[] noted,
        bool passOn,
        CancellationToken cancellationToken)
    {
        var dependents = passOn ? _kept.BuiltFrom(aggregate).ToList() : [];
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, new NpgsqlBatchCommand("BEGIN"));
        if (noted.Length > 0)
        {
            var parts = new SqlParts();
            var deleted = $"DELETE FROM tidemark.invalidations WHERE id = ANY ({parts.Add(noted)})";
            var passed = dependents.Select(d =>
                $"SELECT DISTINCT {parts.Add(d.Name)}, sensor_id, {TimescaleSql.Bucket(d.Bucket, "bucket")} FROM done WHERE "
                    + $"{TimescaleSql.Bucket(d.Bucket, "bucket")} >= {parts.Add(state.FrozenBefore(d))}");
            Add(batch, parts.ToBatchCommand(dependents.Count == 0
                ? deleted
                : $"WITH done AS ({deleted} RETURNING sensor_id, bucket) INSERT INTO tidemark.invalidations (aggregate, sensor_id, "
                    + $"bucket) {string.Join(" UNION ALL ", passed)}"));
        }

        if (passOn)
        {
            var parts = new SqlParts();
            Add(
                batch,
                parts.ToBatchCommand($"UPDATE tidemark.aggregates SET rewrites = rewrites + 1 WHERE name = {parts.Add(aggregate.Name)}"));
        }

        Add(batch, new NpgsqlBatchCommand("COMMIT"));
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }
}
