
namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    private const int MaxDifferences = 1000;

    public async Task<VerifyReport> VerifyAsync(string? aggregate, IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
    {
        var aggregates = aggregate is null ? Schema.Aggregates : [Schema.Aggregate(aggregate)];
        var report = new VerifyReport(0, 0, 0, []);
        for (var i = 0; i < aggregates.Count; i++)
        {
            var one = aggregates[i];
            var part = await ReadThread((session, state) => Verify(session, state, one), cancellationToken);
            report = new VerifyReport(
                report.BucketsChecked + part.BucketsChecked,
                report.BucketsPending + part.BucketsPending,
                report.DifferenceCount + part.DifferenceCount,
                [.. report.Differences.Concat(part.Differences).Take(MaxDifferences)]);
            progress?.Report(new StoreProgress($"verify {one.Name}", (i + 1.0) / aggregates.Count));
        }

        return report;
    }

    /// <summary>Compares materialised buckets with the same query over raw, month by month of the buckets.</summary>
    private VerifyReport Verify(Session session, StoreState state, AggregateDefinition aggregate)
    {
        session.Execute("BEGIN TRANSACTION READ ONLY");
        try
        {
            var from = Horizons(state, aggregate).Aggregate(Instant.MinValue, Instant.Max);
            var range = new TimeRange(aggregate.Bucket.Ceiling(from), state.Aggregate(aggregate).Watermark ?? Instant.MinValue);
            var report = new VerifyReport(0, 0, 0, []);
            if (range.IsEmpty)
            {
                return report;
            }

            var pending = Long(session, $"SELECT count(*) FROM ({DuckDbSql.Pending(aggregate, range)})");
            foreach (var slice in Slices(session, state, aggregate, range))
            {
                report = Compare(session, state, aggregate, slice, report);
                report = state.Metrics.HasMap ? CompareMap(session, state, aggregate, slice, report) : report;
            }

            return report with { BucketsPending = pending };
        }
        finally
        {
            session.Execute("ROLLBACK");
        }
    }

    private VerifyReport Compare(Session session, StoreState state, AggregateDefinition aggregate, TimeRange slice, VerifyReport report)
    {
        var (differences, count, total) = (report.Differences.ToList(), report.DifferenceCount, report.BucketsChecked);
        using var rows = session.Query(DuckDbSql.Compare(state, aggregate, slice), streaming: true);
        var columns = aggregate.Columns(state.Metrics.OfColumns.Names);
        var width = 1 + columns.Count;
        while (rows.Read())
        {
            total++;
            if (BucketComparison.Difference(columns, rows.Doubles(2, width), rows.Doubles(2 + width, width)) is { } difference
                && ++count <= MaxDifferences)
            {
                differences.Add(
                    new BucketDifference(aggregate.Name, _sensors.Id(rows.GetInt32(1)), new Instant(rows.GetInt64(0)), difference));
            }
        }

        return new VerifyReport(total, 0, count, differences);
    }

    /// <summary>The same of metrics in the map; buckets are counted already.</summary>
    private VerifyReport CompareMap(Session session, StoreState state, AggregateDefinition aggregate, TimeRange slice, VerifyReport report)
    {
        var (differences, count) = (report.Differences.ToList(), report.DifferenceCount);
        var names = state.Metrics.All.ToDictionary(m => m.Id, m => m.Name);
        using var rows = session.Query(DuckDbSql.CompareMap(state, aggregate, slice), streaming: true);
        while (rows.Read())
        {
            string[] columns = [.. ((string[])["avg", "min", "max"]).Select(part => $"{part}_{names[rows.GetInt16(2)]}")];
            if (BucketComparison.ValueDifference(columns, rows.Doubles(3, 3), rows.Doubles(6, 3)) is { } difference
                && ++count <= MaxDifferences)
            {
                differences.Add(
                    new BucketDifference(aggregate.Name, _sensors.Id(rows.GetInt32(1)), new Instant(rows.GetInt64(0)), difference));
            }
        }

        return report with { DifferenceCount = count, Differences = differences };
    }

    private static IEnumerable<Instant> Horizons(StoreState state, AggregateDefinition aggregate)
    {
        yield return state.RawHorizon ?? Instant.MinValue;
        for (var part = aggregate; part is not null; part = part.Source)
        {
            yield return state.Aggregate(part).Horizon ?? Instant.MinValue;
        }
    }

    /// <summary>Slices of whole buckets that begin where chunks do and hold about as many readings as those of a refresh.</summary>
    private static IEnumerable<TimeRange> Slices(Session session, StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        var (start, readings, chunks) = (range.From, 0L, 0);
        foreach (var chunk in state.ChunksIn(range))
        {
            var (bucket, more) = (aggregate.Bucket.Floor(chunk.Range.From), Count(session, chunk));
            if (bucket > start && (readings + more > ReadingsPerSlice || chunks == ChunksPerSlice))
            {
                yield return new TimeRange(start, bucket);
                (start, readings, chunks) = (bucket, 0, 0);
            }

            (readings, chunks) = (readings + more, chunks + 1);
        }

        yield return range with { From = start };
    }
}
