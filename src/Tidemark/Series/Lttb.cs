namespace Tidemark.Series;

/// <summary>
/// Largest Triangle Three Buckets, by Sveinn Steinarsson, "Downsampling Time Series for Visual Representation", University of Iceland,
/// 2013 (https://skemman.is/handle/1946/15343): of each bucket the point that makes the largest triangle with the one chosen before and the
/// next bucket's average.
/// </summary>
public static class Lttb
{
    /// <param name="times">Ascending.</param>
    /// <param name="values">As many, without nulls.</param>
    /// <param name="count">How many points are chosen, at least 2 where there are so many: the first and the last are.</param>
    /// <returns>The places of the points chosen, ascending.</returns>
    public static int[] Select(ReadOnlySpan<long> times, ReadOnlySpan<double> values, int count)
    {
        var length = times.Length;
        if (count >= length)
        {
            return [.. Enumerable.Range(0, length)];
        }

        var chosen = new int[Math.Max(2, count)];
        chosen[^1] = length - 1;

        // All but the first and the last point are divided evenly.
        var size = (length - 2) / (double)Math.Max(1, chosen.Length - 2);
        int Start(int bucket) => Math.Min(length - 1, (int)(bucket * size) + 1);
        for (var bucket = 0; bucket < chosen.Length - 2; bucket++)
        {
            var (from, to) = (Start(bucket), Start(bucket + 1));
            var (time, value) = Average(times, values, to, Math.Max(to + 1, Start(bucket + 2)));
            chosen[bucket + 1] = Largest(times, values, from, to, chosen[bucket], time, value);
        }

        return chosen;
    }

    /// <summary>Of the points of a bucket the one whose triangle with two others has the largest area.</summary>
    private static int Largest(
        ReadOnlySpan<long> times, ReadOnlySpan<double> values, int from, int to, int before, double time, double value)
    {
        var (largest, area) = (from, -1.0);
        for (var i = from; i < to; i++)
        {
            // Twice the area; times count from the point before, so that they lose no digits.
            var twice = Math.Abs(
                ((times[i] - times[before]) * (value - values[before])) - ((time - times[before]) * (values[i] - values[before])));
            if (twice > area)
            {
                (largest, area) = (i, twice);
            }
        }

        return largest;
    }

    private static (double Time, double Value) Average(ReadOnlySpan<long> times, ReadOnlySpan<double> values, int from, int to)
    {
        var (time, value) = (0.0, 0.0);
        for (var i = from; i < to; i++)
        {
            time += times[i] - times[from];
            value += values[i];
        }

        return (times[from] + (time / (to - from)), value / (to - from));
    }
}
