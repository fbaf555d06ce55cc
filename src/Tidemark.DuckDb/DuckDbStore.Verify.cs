using System.Globalization;

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

            var pending = Long(session, $"SELECT count(*) FROM ({_sql.Pending(aggregate, range)})");
            foreach (var slice in Slices(session, state, aggregate, range))
            {
                report = Compare(session, state, aggregate, slice, report);
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
        using var rows = session.Query(_sql.Compare(state, aggregate, slice), streaming: true);
        var columns = aggregate.Columns.Prepend("reading_count").ToArray();
        while (rows.Read())
        {
            total++;
            var stored = rows.Doubles(2, columns.Length);
            var raw = rows.Doubles(2 + columns.Length, columns.Length);
            var different = Enumerable.Range(0, columns.Length).Where(c => !Equal(columns[c], stored[c], raw[c])).ToList();
            if (different.Count > 0)
            {
                count++;
                if (differences.Count < MaxDifferences)
                {
                    var text = string.Join(", ", different.Select(c => string.Create(CultureInfo.InvariantCulture, $"{columns[c]} {Text(stored[c])}, from raw {Text(raw[c])}")));
                    differences.Add(new BucketDifference(aggregate.Name, _sensors.Id(rows.GetInt32(1)), new Instant(rows.GetInt64(0)), text));
                }
            }
        }

        return new VerifyReport(total, 0, count, differences);
    }

    private static string Text(double value) => double.IsNaN(value) ? "null" : value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Sums and averages depend on the order of addition, so they may differ by 1e-9; the rest may not.</summary>
    private static bool Equal(string column, double a, double b)
        => double.IsNaN(a) || double.IsNaN(b)
            ? double.IsNaN(a) && double.IsNaN(b)
            : a == b || (!column.StartsWith("min_", StringComparison.Ordinal) && !column.StartsWith("max_", StringComparison.Ordinal) && column != "reading_count"
                && Math.Abs(a - b) <= 1e-9 * Math.Max(1, Math.Max(Math.Abs(a), Math.Abs(b))));

    private static IEnumerable<Instant> Horizons(StoreState state, AggregateDefinition aggregate)
    {
        yield return state.RawHorizon ?? Instant.MinValue;
        for (var part = aggregate; part is not null; part = part.Source)
        {
            yield return state.Aggregate(part).Horizon ?? Instant.MinValue;
        }
    }

    private IEnumerable<TimeRange> Slices(Session session, StoreState state, AggregateDefinition aggregate, TimeRange range)
    {
        var span = Math.Max((long)_options.ChunkInterval.TotalMicroseconds, aggregate.Bucket.Micros);
        var width = aggregate.Bucket.Months > 0 ? aggregate.Bucket : BucketWidth.Fixed(TimeSpan.FromMicroseconds(aggregate.Bucket.Micros * Math.Max(1, span / aggregate.Bucket.Micros)));
        var chunks = state.ChunksIn(range).Select(c => width.Floor(c.Range.From)).ToList();
        var buckets = Buckets(session, $"SELECT DISTINCT epoch_us({DuckDbSql.Bucket(width, "bucket")}) FROM {DuckDbSql.Table(aggregate)} WHERE {DuckDbSql.Within("bucket", range)}");
        return chunks.Concat(buckets).Distinct().Order().Select(start => new TimeRange(start, width.End(start)).Intersect(range)).Where(slice => !slice.IsEmpty);
    }
}
