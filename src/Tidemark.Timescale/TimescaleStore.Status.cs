using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // Readings in more bytes than this are not counted but estimated, from the planner's statistics.
    private const long CountedBytes = 1L << 30;

    public Task<StoreStatus> ReadStatusAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync(
            async connection =>
            {
                await using var transaction = await connection.BeginTransactionAsync(
                    System.Data.IsolationLevel.RepeatableRead,
                    cancellationToken);
                var state = await LoadStateAsync(connection, cancellationToken);
                var stored = await ChunksAsync(connection, cancellationToken);
                var counts = await CountsAsync(connection, exact: stored.Sum(c => c.Bytes) < CountedBytes, cancellationToken);
                var chunks = stored.Select(c => c with { Rows = counts.GetValueOrDefault(c.Name) }).ToList();
                var aggregates = new List<AggregateStatus>();
                foreach (var aggregate in state.Aggregates.Where(a => Schema.HasAggregate(a.Definition.Name)))
                {
                    aggregates.Add(await StatusAsync(connection, aggregate, cancellationToken));
                }

                var none = new SqlParts();
                return new StoreStatus(
                    _engine,
                    _database.Location,
                    [await HypertableAsync(connection, chunks, cancellationToken)],
                    chunks,
                    aggregates,
                    await JobsAsync(connection, cancellationToken),
                    await LongAsync(connection, none, "SELECT count(*) FROM tidemark.sensors", cancellationToken),
                    await LongAsync(connection, none, "SELECT pg_database_size(current_database())", cancellationToken),
                    0,
                    state.RawHorizon)
                {
                    AppendOnly = _options.AppendOnly,
                };
            },
            cancellationToken);
    }

    private async Task<AggregateStatus> StatusAsync(
        NpgsqlConnection connection,
        AggregateState aggregate,
        CancellationToken cancellationToken)
    {
        var (definition, parts, policy) = (aggregate.Definition, new SqlParts(), new SqlParts());
        var byPolicy = await InstantAsync(
            connection,
            policy,
            $"""
            SELECT max(nullif(s.last_successful_finish, '-infinity')) FROM tidemark.aggregates a
            JOIN timescaledb_information.jobs j ON j.proc_name = 'policy_refresh_continuous_aggregate'
                AND (j.config ->> 'mat_hypertable_id')::integer = a.materialization
            JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
            WHERE a.name = {policy.Add(definition.Name)}
            """,
            cancellationToken);
        return new AggregateStatus(
            definition.Name,
            definition.Table,
            definition.Bucket.ToString(),
            definition.Source?.Name ?? TelemetrySchema.RawTable,
            await LongAsync(connection, new SqlParts(), $"SELECT count(*) FROM {Sql.Table(definition)}", cancellationToken),
            aggregate.Watermark,
            await LongAsync(
                connection,
                parts,
                $"SELECT count(DISTINCT (sensor_id, bucket)) FROM tidemark.pending WHERE aggregate = {parts.Add(definition.Name)}",
                cancellationToken),
            aggregate.LastRefresh is { } own && !(own < byPolicy) ? own : byPolicy)
        {
            AheadOfClock = aggregate.Watermark > Now,
        };
    }

    private static async Task<HypertableStatus> HypertableAsync(
        NpgsqlConnection connection,
        List<ChunkStatus> chunks,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT coalesce(sum(before_compression_total_bytes), 0)::bigint, coalesce(sum(after_compression_total_bytes), 0)::bigint "
                + $"FROM hypertable_compression_stats('{TimescaleSql.Raw}')", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new HypertableStatus(
            TelemetrySchema.RawTable,
            chunks.Sum(c => c.Rows),
            chunks.Count,
            chunks.Count(c => c.Compressed),
            reader.GetInt64(0),
            reader.GetInt64(1));
    }

    private static async Task<Dictionary<string, long>> CountsAsync(
        NpgsqlConnection connection,
        bool exact,
        CancellationToken cancellationToken)
    {
        var counts = exact
            ? $"(SELECT tableoid AS chunk, count(*) AS rows FROM {TimescaleSql.Raw} GROUP BY 1)"
            : $"(SELECT chunk, greatest(approximate_row_count(chunk), 0) AS rows FROM show_chunks('{TimescaleSql.Raw}') chunk)";
        await using var command = new NpgsqlCommand(
            $"SELECT format('%I.%I', n.nspname, c.relname), t.rows FROM {counts} t JOIN pg_class c ON c.oid = t.chunk JOIN pg_namespace n "
                + "ON n.oid = c.relnamespace",
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var byChunk = new Dictionary<string, long>();
        while (await reader.ReadAsync(cancellationToken))
        {
            byChunk[reader.GetString(0)] = reader.GetInt64(1);
        }

        return byChunk;
    }
}
