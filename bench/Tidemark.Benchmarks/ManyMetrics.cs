using System.Diagnostics;
using System.Globalization;

namespace Tidemark.Benchmarks;

/// <summary>
/// What a sensor with ten metrics costs in a store of many, against one of ten: sensors that each have their own, and all with the same.
/// </summary>
/// <param name="sensors">How many.</param>
/// <param name="open">Opens a new store that may have so many metrics.</param>
/// <param name="report">Where figures go.</param>
internal sealed class ManyMetrics(int sensors, Func<int, CancellationToken, Task<ITelemetryStore>> open, Report report)
{
    private const int Days = 10;
    private const int OfEach = 10;
    private const double Most = 1.5;

    private static readonly Instant End = BucketWidth.Fixed(TimeSpan.FromHours(1)).Floor(Instant.From(DateTimeOffset.UtcNow));

    // Many metrics, then few.
    private Side[] _sides = [];

    public static string Workload(int sensors)
        => $"Data set: {sensors} sensors × 10 days × 60 s with ten metrics each that came with readings, of ten in all or of "
            + $"{sensors * OfEach}.";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var many = await open(DataSet.Schema.Metrics.Count + (sensors * OfEach), cancellationToken);
        await using var few = await open(DataSet.Schema.Metrics.Count + OfEach, cancellationToken);
        _sides = [new Side(many, sensors), new Side(few, 1)];
        foreach (var side in _sides)
        {
            var names = Enumerable.Range(0, side.Groups * OfEach).Select(m => $"m{m}").ToArray();
            await side.Store.AddMetricsAsync(names, cancellationToken);
        }

        var load = string.Create(CultureInfo.InvariantCulture, $"load of {Days * 1440:N0} readings");
        await CompareAsync(load, 0, sensors, (side, i) => side.Store.WriteAsync(
            Batch(side, i, End - TimeSpan.FromDays(Days), Days * 1440, TimeSpan.FromMinutes(1)),
            cancellationToken));
        await CompareAsync("refresh of all of them", 0, 1, (side, _) => DataSet.RefreshAllAsync(side.Store, cancellationToken));
        await CompareAsync("write of one reading", 50, 200, (side, i) => side.Store.WriteAsync(
            Batch(side, i, End + TimeSpan.FromMilliseconds(1 + i), 1, TimeSpan.Zero),
            cancellationToken));
        await CompareAsync("write of 1,000 readings", 5, 20, (side, i) => side.Store.WriteAsync(
            Batch(side, i, End + TimeSpan.FromSeconds(1 + i), 1000, TimeSpan.FromMicroseconds(10)),
            cancellationToken));
        await CompareAsync("late reading and refresh", 15, 60, async (side, i) =>
        {
            var time = End - TimeSpan.FromHours(30 + (2 * i)) + TimeSpan.FromMilliseconds(1 + i);
            await side.Store.WriteAsync(Batch(side, i, time, 1, TimeSpan.Zero), cancellationToken);
            await side.Store.RefreshAsync("monthly", null, null, cancellationToken);
        });
        await CompareAsync("week of hours", 100, 400, (side, i) => ReadAsync(side, "hourly", i, 7));
        await CompareAsync("month of days", 100, 400, (side, i) => ReadAsync(side, "daily", i, 30));
        await CompareAsync("raw day", 25, 100, async (side, i) =>
        {
            var query = new RawQuery(Id(i), new TimeRange(End - TimeSpan.FromDays(1), End));
            await foreach (var _ in side.Store.ReadRawAsync(query, cancellationToken))
            {
            }
        });

        async Task ReadAsync(Side side, string aggregate, int sensor, int back)
        {
            var query = new AggregateQuery(aggregate, Id(sensor), new TimeRange(End - TimeSpan.FromDays(back), Instant.MaxValue));
            await using var reader = await side.Store.ReadAggregateAsync(query, cancellationToken);
            await foreach (var _ in reader.Rows.WithCancellation(cancellationToken))
            {
            }
        }
    }

    private sealed record Side(ITelemetryStore Store, int Groups);

    /// <summary>The stores take turns in going first: whatever else the machine does then meets both.</summary>
    private async Task CompareAsync(string name, int warmUp, int count, Func<Side, int, Task> call)
    {
        Report.Note($"metrics: {name}");
        var millis = _sides.ToDictionary(side => side, _ => new List<double>());
        for (var i = 0; i < warmUp + count; i++)
        {
            foreach (var side in i % 2 == 0 ? _sides : _sides.Reverse())
            {
                var watch = Stopwatch.StartNew();
                await call(side, i);
                if (i >= warmUp)
                {
                    millis[side].Add(watch.Elapsed.TotalMilliseconds);
                }
            }
        }

        var (many, few) = (new Samples(millis[_sides[0]]).Median, new Samples(millis[_sides[1]]).Median);
        report.Add(Figure.Below(
            $"{name}, {sensors * OfEach} metrics against {OfEach}",
            many / few,
            Most,
            "×",
            $"{Figure.Millis(many)} against {Figure.Millis(few)}"));
    }

    private string Id(int sensor) => $"sensor-{sensor % sensors}";

    private ReadingBatch Batch(Side side, int sensor, Instant from, int count, TimeSpan step)
    {
        var first = sensor % side.Groups * OfEach;
        var batch = new ReadingBatch([.. Enumerable.Range(first, OfEach).Select(m => $"m{m}")], count);
        var (random, values, id) = (new Random(sensor), new double[OfEach], Id(sensor));
        for (var i = 0; i < count; i++)
        {
            for (var m = 0; m < OfEach; m++)
            {
                values[m] = Math.Round((10 * m) + (5 * random.NextDouble()), 2);
            }

            batch.Add(id, from + (i * step), values);
        }

        return batch;
    }
}
