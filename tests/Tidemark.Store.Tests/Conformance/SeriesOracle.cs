using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>
/// Answers questions about buckets literally, from all readings of a sensor. Buckets of local time are found by looking at a clock each
/// minute, or each bucket where that is less.
/// </summary>
/// <param name="readings">Of one sensor, ascending.</param>
/// <param name="query">The question, whose bucket is a width.</param>
internal sealed class SeriesOracle(IReadOnlyList<Reading> readings, SeriesQuery query)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private TimeSpan Step => Width.Approximate < Minute ? Width.Approximate : Minute;

    private BucketWidth Width => query.Bucket.Width!.Value;

    private TimeSpan Lookback => query.Lookback
        ?? (Width.Approximate > TimeSpan.FromDays(1) ? Width.Approximate : TimeSpan.FromDays(1));

    /// <param name="metrics">How many the answer has.</param>
    /// <param name="from">Buckets before it are left out.</param>
    public IReadOnlyList<SeriesPoint> Answer(int metrics, Instant? from = null)
    {
        var starts = Starts();
        var whole = starts.Zip(starts.Skip(1), (a, b) => new TimeRange(a, b)).ToList();
        var looksBack = query.Fill is SeriesFill.Previous or SeriesFill.Linear;
        var first = looksBack ? query.Range.From - Lookback : query.Range.From;
        var made = whole.Where(b => b.From >= first && b.From >= (from ?? first) && b.From < query.Range.To).ToList();
        var begin = made.Count == 0 ? first : made[0].From;
        var points = made.Select(b => Point(b, metrics, begin)).ToList();
        if (query.Fill == SeriesFill.None)
        {
            return [.. points.Where(p => p.ReadingCount > 0 || (query.Functions.Contains(SeriesFunction.TimeWeighted)
                && p.Values.Where((_, c) => Function(c) == SeriesFunction.TimeWeighted).Any(v => !double.IsNaN(v))))];
        }

        // The grid ends with the clock, or with the last bucket that has something.
        var last = points.FindLastIndex(p => p.ReadingCount > 0);
        points = [.. points.Where((p, i) => i <= last || p.Time < query.Now)];
        for (var c = 0; c < metrics * query.Functions.Count; c++)
        {
            Fill(points, c);
        }

        return [.. whole.Where(b => b.From >= query.Range.From && b.From < query.Range.To)
            .Where(b => points.Exists(p => p.Time == b.From) || b.From < query.Now)
            .Select(b => points.Find(p => p.Time == b.From) ?? new SeriesPoint(b.From, 0, true, Nothing(metrics)))];
    }

    private double[] Nothing(int metrics) => [.. Enumerable.Range(0, metrics * query.Functions.Count).Select(c
        => Function(c) == SeriesFunction.Count || (query.Fill != SeriesFill.Null && IsTotal(Function(c))) ? 0 : double.NaN)];

    private SeriesFunction Function(int column) => query.Functions[column % query.Functions.Count];

    private static bool IsTotal(SeriesFunction f) => f is SeriesFunction.Count or SeriesFunction.Sum or SeriesFunction.Delta;

    private SeriesPoint Point(TimeRange bucket, int metrics, Instant begin)
    {
        var count = readings.Count(r => bucket.Contains(r.Time));
        return new SeriesPoint(bucket.From, count, count == 0, [.. Enumerable.Range(0, metrics)
            .SelectMany(m => query.Functions.Select(f => Value(f, bucket, m, begin)))]);
    }

    /// <param name="f">What is asked.</param>
    /// <param name="bucket">Of which bucket.</param>
    /// <param name="metric">Of which metric.</param>
    /// <param name="begin">The first bucket's start: before it values count that are in the lookback.</param>
    private double Value(SeriesFunction f, TimeRange bucket, int metric, Instant begin)
    {
        var all = readings.Where(r => !double.IsNaN(r.Values[metric])).Select(r => (r.Time, Value: r.Values[metric])).ToList();
        var inside = all.Where(v => bucket.Contains(v.Time)).Select(v => v.Value).ToList();
        var known = all.Where(v => v.Time >= begin - Lookback).ToList();
        known = [.. known.Where(v => v.Time < begin).TakeLast(1), .. known.Where(v => v.Time >= begin)];
        var pairs = known.Zip(known.Skip(1)).Where(p => bucket.Contains(p.Second.Time)).ToList();
        var delta = pairs.Sum(p => p.Second.Value >= p.First.Value ? p.Second.Value - p.First.Value : Math.Max(0, p.Second.Value));
        switch (f)
        {
            case SeriesFunction.Count:
                return inside.Count;
            case SeriesFunction.Delta:
                return pairs.Count == 0 ? double.NaN : delta;
            case SeriesFunction.Rate:
                return pairs.Count == 0 ? double.NaN : delta / pairs.Sum(p => (p.Second.Time - p.First.Time).TotalSeconds);
            case SeriesFunction.TimeWeighted:
                var until = known.Count == 0 ? query.Now : Instant.Max(query.Now, known[^1].Time);
                var parts = known.Zip(
                    known.Skip(1).Select(v => v.Time).Append(until),
                    (v, end) => (v.Value, Part: new TimeRange(v.Time, end).Intersect(bucket))).Where(p => !p.Part.IsEmpty).ToList();
                var seconds = parts.Sum(p => (p.Part.To - p.Part.From).TotalSeconds);
                return parts.Count == 0 ? double.NaN : parts.Sum(p => p.Value * (p.Part.To - p.Part.From).TotalSeconds) / seconds;
            case var _ when inside.Count == 0:
                return double.NaN;
            default:
                return f switch
                {
                    SeriesFunction.Avg => inside.Average(),
                    SeriesFunction.Min => inside.Min(),
                    SeriesFunction.Max => inside.Max(),
                    SeriesFunction.First => inside[0],
                    SeriesFunction.Last => inside[^1],
                    _ => inside.Sum(),
                };
        }
    }

    private void Fill(List<SeriesPoint> points, int c)
    {
        var given = points.Where(p => !double.IsNaN(p.Values[c])).Select(p => (p.Time, Value: p.Values[c])).ToList();
        foreach (var point in points.Where(p => double.IsNaN(p.Values[c])))
        {
            var before = given.FindLast(g => g.Time < point.Time);
            var after = given.Find(g => g.Time > point.Time);
            point.Values[c] = query.Fill switch
            {
                SeriesFill.Null => double.NaN,
                _ when IsTotal(Function(c)) => 0,
                SeriesFill.Previous when before.Time != default => before.Value,
                SeriesFill.Linear when before.Time != default && after.Time != default
                    => before.Value + ((after.Value - before.Value) * ((point.Time - before.Time) / (after.Time - before.Time))),
                _ => double.NaN,
            };
        }
    }

    /// <summary>Where buckets begin, from well before the range to well behind what it can hold.</summary>
    private List<Instant> Starts()
    {
        var end = Instant.Min(query.Range.To, Instant.Max(query.Now, readings.Count == 0 ? query.Now : readings[^1].Time));
        var from = query.Range.From - Lookback - (2 * Width.Approximate) - TimeSpan.FromDays(3);
        var to = end + (2 * Width.Approximate) + TimeSpan.FromDays(3);
        var starts = new List<Instant>();
        if (query.Zone.Equals(TimeZoneInfo.Utc))
        {
            for (var start = Width.Floor(from); start < to; start = Width.End(start))
            {
                starts.Add(start);
            }

            return starts;
        }

        var isShort = Width.Months == 0 && Width.Approximate < TimeSpan.FromDays(1);
        from = BucketWidth.Fixed(Step).Floor(from);
        var before = Local(from - Step);
        var reached = before;
        for (var time = from; time < to; time += Step, before = Local(time - Step))
        {
            var local = Local(time);
            if (isShort ? Width.Floor(local) == local || Width.Floor(local) > before : Width.Floor(local) > reached)
            {
                starts.Add(time);
            }

            reached = Instant.Max(reached, local);
        }

        return starts;
    }

    private Instant Local(Instant time) => time + query.Zone.GetUtcOffset(time.ToDateTime());
}
