using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private const int MaxDifferences = 1000;

    public async Task<VerifyReport> VerifyAsync(string? aggregate, IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var aggregates = aggregate is null ? Schema.Aggregates : [Schema.Aggregate(aggregate)];
        var report = new VerifyReport(0, 0, 0, []);
        for (var i = 0; i < aggregates.Count; i++)
        {
            var one = aggregates[i];
            var part = await _database.RunAsync(connection => VerifyAsync(connection, one, cancellationToken), cancellationToken);
            report = new VerifyReport(
                report.BucketsChecked + part.BucketsChecked,
                report.BucketsPending + part.BucketsPending,
                report.DifferenceCount + part.DifferenceCount,
                [.. report.Differences.Concat(part.Differences).Take(MaxDifferences)]);
            progress?.Report(new StoreProgress($"verify {one.Name}", (i + 1.0) / aggregates.Count));
        }

        return report;
    }

    /// <summary>Compares materialised buckets with the same query over raw, slice by slice, all of one snapshot.</summary>
    private async Task<VerifyReport> VerifyAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        var state = await LoadStateAsync(connection, cancellationToken);
        var from = Horizons(state, aggregate).Aggregate(Instant.MinValue, Instant.Max);
        var range = new TimeRange(aggregate.Bucket.Ceiling(from), state.Aggregate(aggregate).Watermark ?? Instant.MinValue);
        var report = new VerifyReport(0, 0, 0, []);
        if (range.IsEmpty)
        {
            return report;
        }

        var parts = new SqlParts();
        var pending = await LongAsync(
            connection,
            parts,
            TimescaleSql.PendingBuckets(parts, aggregate, range, Chain(aggregate)),
            cancellationToken);
        foreach (var slice in await SlicesAsync(connection, aggregate, range, cancellationToken))
        {
            report = await CompareAsync(connection, aggregate, slice, report, cancellationToken);
        }

        return report with { BucketsPending = pending };
    }

    private async Task<VerifyReport> CompareAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        TimeRange slice,
        VerifyReport report,
        CancellationToken cancellationToken)
    {
        var (differences, count, total) = (report.Differences.ToList(), report.DifferenceCount, report.BucketsChecked);
        var columns = Sql.Columns(aggregate);
        var (stored, raw) = (new double[1 + columns.Count], new double[1 + columns.Count]);
        var parts = new SqlParts();
        await using var batch = new NpgsqlBatch(connection) { Timeout = 0 };
        Add(batch, parts.ToBatchCommand(Sql.Compare(parts, aggregate, slice, Chain(aggregate))));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            total++;
            reader.GetDoubles(2, stored);
            reader.GetDoubles(2 + stored.Length, raw);
            if (BucketComparison.Difference(columns, stored, raw) is { } difference && ++count <= MaxDifferences)
            {
                differences.Add(new BucketDifference(aggregate.Name, reader.GetString(1), reader.GetInstant(0), difference));
            }
        }

        return new VerifyReport(total, 0, count, differences);
    }

    private static IEnumerable<Instant> Horizons(StoreState state, AggregateDefinition aggregate)
    {
        yield return state.RawHorizon ?? Instant.MinValue;
        for (var part = aggregate; part is not null; part = part.Source)
        {
            yield return state.Aggregate(part).Horizon ?? Instant.MinValue;
        }
    }

    /// <summary>Ranges of whole buckets, about a chunk wide, in which there is anything to compare.</summary>
    private async Task<List<TimeRange>> SlicesAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        TimeRange range,
        CancellationToken cancellationToken)
    {
        var span = Math.Max((long)ChunkWidth.TotalMicroseconds, aggregate.Bucket.Micros);
        var width = aggregate.Bucket.Months > 0
            ? aggregate.Bucket
            : BucketWidth.Fixed(TimeSpan.FromMicroseconds(aggregate.Bucket.Micros * Math.Max(1, span / aggregate.Bucket.Micros)));
        var starts = (await ChunksAsync(connection, cancellationToken)).Where(c => c.Range.Overlaps(range))
            .SelectMany(c => StartsIn(width, c.Range))
            .ToHashSet();
        var (parts, bucket) = (new SqlParts(), Identifier.Quote(aggregate.BucketColumn));
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, parts.ToBatchCommand($"SELECT DISTINCT {TimescaleSql.Bucket(width, bucket)} FROM {Sql.Table(aggregate)} WHERE "
            + $"{TimescaleSql.Within(parts, bucket, range)}"));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            starts.Add(reader.GetInstant(0));
        }

        return [.. starts.Order().Select(start => new TimeRange(start, width.End(start)).Intersect(range)).Where(slice => !slice.IsEmpty)];
    }

    private static IEnumerable<Instant> StartsIn(BucketWidth width, TimeRange range)
    {
        for (var start = width.Floor(range.From); start < range.To; start = width.End(start))
        {
            yield return start;
        }
    }
}
