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

    public static string Workload(int sensors)
        => $"Data set: {sensors} sensors × 10 days × 60 s with ten metrics each that came with readings, of ten in all or of "
            + $"{sensors * OfEach}.";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var many = await MeasureAsync(groups: sensors, cancellationToken);
        var few = await MeasureAsync(groups: 1, cancellationToken);
        report.Add([.. few.Zip(many, (a, b) => Figure.Below(
            $"{a.Name}, {sensors * OfEach} metrics against 10",
            b.Millis / a.Millis,
            Most,
            "×",
            $"{Figure.Millis(b.Millis)} against {Figure.Millis(a.Millis)}"))]);
    }

    private async Task<List<(string Name, double Millis)>> MeasureAsync(int groups, CancellationToken cancellationToken)
    {
        Report.Note($"metrics: {groups * OfEach} in all");
        var figures = new List<(string, double)>();
        await using var store = await open(DataSet.Schema.Metrics.Count + (sensors * OfEach), cancellationToken);
        await store.AddMetricsAsync([.. Enumerable.Range(0, groups * OfEach).Select(m => $"m{m}")], cancellationToken);
        var watch = Stopwatch.StartNew();
        for (var sensor = 0; sensor < sensors; sensor++)
        {
            var batch = Batch(groups, sensor, End - TimeSpan.FromDays(Days), Days * 1440, TimeSpan.FromMinutes(1));
            await store.WriteAsync(batch, cancellationToken);
        }

        var load = string.Create(CultureInfo.InvariantCulture, $"load of {sensors * Days * 1440:N0} readings");
        figures.Add((load, watch.Elapsed.TotalMilliseconds));
        watch.Restart();
        await DataSet.RefreshAllAsync(store, cancellationToken);
        figures.Add(("refresh of all of them", watch.Elapsed.TotalMilliseconds));
        watch.Restart();
        await store.CompressAsync(null, cancellationToken);
        figures.Add(("compression", watch.Elapsed.TotalMilliseconds));

        async Task AddAsync(string name, int count, Func<int, Task> call)
            => figures.Add((name, (await Samples.MeasureAsync(count / 4, count, call, cancellationToken)).Median));

        await AddAsync("write of one reading", 200, i => store.WriteAsync(
            Batch(groups, i % sensors, End + TimeSpan.FromMilliseconds(1 + i), 1, TimeSpan.Zero),
            cancellationToken));
        await AddAsync("write of 1,000 readings", 20, i => store.WriteAsync(
            Batch(groups, i % sensors, End + TimeSpan.FromSeconds(1 + i), 1000, TimeSpan.FromMicroseconds(10)),
            cancellationToken));
        await AddAsync("late reading and refresh", 60, async i =>
        {
            var time = End - TimeSpan.FromHours(30 + (2 * i)) + TimeSpan.FromMilliseconds(1 + i);
            await store.WriteAsync(Batch(groups, i % sensors, time, 1, TimeSpan.Zero), cancellationToken);
            await store.RefreshAsync("monthly", null, null, cancellationToken);
        });
        await AddAsync("week of hours", 400, i => ReadAsync("hourly", i, 7));
        await AddAsync("month of days", 400, i => ReadAsync("daily", i, 30));
        await AddAsync("raw day", 100, async i =>
        {
            var query = new RawQuery(Id(i), new TimeRange(End - TimeSpan.FromDays(1), End));
            await foreach (var _ in store.ReadRawAsync(query, cancellationToken))
            {
            }
        });
        return figures;

        async Task ReadAsync(string aggregate, int sensor, int days)
        {
            var query = new AggregateQuery(aggregate, Id(sensor), new TimeRange(End - TimeSpan.FromDays(days), Instant.MaxValue));
            await using var reader = await store.ReadAggregateAsync(query, cancellationToken);
            await foreach (var _ in reader.Rows.WithCancellation(cancellationToken))
            {
            }
        }
    }

    private string Id(int sensor) => $"sensor-{sensor % sensors}";

    private ReadingBatch Batch(int groups, int sensor, Instant from, int count, TimeSpan step)
    {
        var first = sensor % groups * OfEach;
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
