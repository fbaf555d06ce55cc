using System.Diagnostics;

namespace Tidemark.Benchmarks;

/// <summary>Durations of one call made again and again, in milliseconds.</summary>
internal sealed class Samples
{
    private readonly double[] _sorted;

    public Samples(IEnumerable<double> millis) => _sorted = [.. millis.Order()];

    public int Count => _sorted.Length;

    public double Median => Percentile(0.5);

    public double Max => _sorted[^1];

    public double Percentile(double share) => _sorted[(int)Math.Min(share * _sorted.Length, _sorted.Length - 1)];

    /// <summary>Times the call one after the other, numbered from 0; the first ones warm up and don't count.</summary>
    public static async Task<Samples> MeasureAsync(int warmUp, int count, Func<int, Task> call, CancellationToken cancellationToken)
    {
        var millis = new List<double>(count);
        for (var i = 0; i < warmUp + count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var watch = Stopwatch.StartNew();
            await call(i);
            if (i >= warmUp)
            {
                millis.Add(watch.Elapsed.TotalMilliseconds);
            }
        }

        return new Samples(millis);
    }
}
