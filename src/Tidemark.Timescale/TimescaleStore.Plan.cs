using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    public Task<IReadOnlyList<RefreshPlan>> PlanRefreshAsync(string aggregate, TimeRange? range, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var chain = WithSources(Schema.Aggregate(aggregate), range).ToList();
        return _database.RunAsync<IReadOnlyList<RefreshPlan>>(
            async connection =>
            {
                await using var transaction = await connection.BeginTransactionAsync(
                    System.Data.IsolationLevel.RepeatableRead,
                    cancellationToken);
                var plan = new Plan(
                    this,
                    connection,
                    await LoadStateAsync(connection, cancellationToken),
                    await ChunksAsync(connection, cancellationToken),
                    cancellationToken);
                var plans = new List<RefreshPlan>();
                foreach (var (part, partRange) in chain)
                {
                    plans.Add(await plan.OfAsync(part, partRange));
                }

                return plans;
            },
            cancellationToken);
    }

    /// <summary>What a refresh would do, all of one snapshot.</summary>
    private sealed class Plan(
        TimescaleStore store,
        NpgsqlConnection connection,
        StoreState state,
        IReadOnlyList<ChunkStatus> chunks,
        CancellationToken cancellationToken)
    {
        /// <summary>The plan of one aggregate, its sources taken as refreshed.</summary>
        public async Task<RefreshPlan> OfAsync(AggregateDefinition aggregate, TimeRange? range)
        {
            var closed = new TimeRange(state.Aggregate(aggregate).Watermark ?? Instant.MinValue, await ClosedEndAsync(aggregate, range));
            var first = closed.IsEmpty ? null : await EdgeAsync(aggregate.Source, closed, "min", range ?? TimeRange.All);
            var parts = new SqlParts();
            var invalid = await LongAsync(
                connection, parts, "SELECT count(*) FROM (SELECT DISTINCT * FROM "
                    + $"({TimescaleSql.Invalid(parts, state, aggregate, range ?? TimeRange.All)}) i) d", cancellationToken);
            return new RefreshPlan(
                aggregate.Name,
                first is null ? null : new TimeRange(aggregate.Bucket.Floor(first.Value), closed.To),
                invalid);
        }

        /// <summary>Where closed buckets end once the sources are refreshed.</summary>
        private async Task<Instant> ClosedEndAsync(AggregateDefinition aggregate, TimeRange? range)
        {
            var end = store.Now;
            if (aggregate.Source is { } source)
            {
                var fresh = new TimeRange(state.Aggregate(source).Watermark ?? Instant.MinValue, await ClosedEndAsync(source, range));
                var last = fresh.IsEmpty ? null : await EdgeAsync(source.Source, fresh, "max", range ?? TimeRange.All);
                end = Instant.Min(end, last is null ? fresh.From : source.Bucket.End(source.Bucket.Floor(last.Value)));
            }

            return Instant.Min(aggregate.Bucket.Floor(end), range?.To ?? Instant.MaxValue);
        }

        /// <summary>
        /// The first or last instant in the range that an aggregate, or raw (null), holds once it is refreshed over the planned range.
        /// </summary>
        private async Task<Instant?> EdgeAsync(AggregateDefinition? source, TimeRange range, string minOrMax, TimeRange planned)
        {
            if (source is null)
            {
                return await EdgeOfRawAsync(range, minOrMax);
            }

            var tail = range with { From = Instant.Max(range.From, state.Aggregate(source).Watermark ?? Instant.MinValue) };
            var parts = new SqlParts();
            var invalid = TimescaleSql.Invalid(parts, state, source, range.Intersect(planned));
            Instant?[] edges =
            [
                await store.EdgeOfBucketsAsync(connection, source, range, minOrMax, cancellationToken),
                await InstantAsync(connection, parts, $"SELECT {minOrMax}(bucket) FROM ({invalid}) i", cancellationToken),
                tail.IsEmpty ? null : await EdgeAsync(source.Source, tail, minOrMax, planned),
            ];
            return minOrMax == "min" ? edges.Min() : edges.Max();
        }

        /// <summary>Chunks don't overlap: the first one that holds a reading settles it, and the others aren't asked.</summary>
        private async Task<Instant?> EdgeOfRawAsync(TimeRange range, string minOrMax)
        {
            var overlapping = chunks.Where(c => c.Range.Overlaps(range));
            foreach (var chunk in minOrMax == "min" ? overlapping : overlapping.Reverse())
            {
                var parts = new SqlParts();
                if (await InstantAsync(connection, parts, $"SELECT {minOrMax}(time) FROM {TimescaleSql.Raw} WHERE "
                    + $"{TimescaleSql.Within(parts, "time", chunk.Range.Intersect(range))}", cancellationToken) is { } edge)
                {
                    return edge;
                }
            }

            return null;
        }
    }

    private Task<Instant?> EdgeOfBucketsAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        TimeRange range,
        string minOrMax,
        CancellationToken cancellationToken)
    {
        var (parts, bucket) = (new SqlParts(), Identifier.Quote(aggregate.BucketColumn));
        return InstantAsync(
            connection,
            parts,
            $"SELECT {minOrMax}({bucket}) FROM {Sql.Table(aggregate)} WHERE {TimescaleSql.Within(parts, bucket, range)}",
            cancellationToken);
    }

    private static async Task<Instant?> InstantAsync(
        NpgsqlConnection connection,
        SqlParts parts,
        string sql,
        CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, parts.ToBatchCommand(sql));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetInstantOrNull(0);
    }
}
