using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// Metrics that come to a store of a million hourly rows: how long that takes, and the longest write and read that other clients have
/// meanwhile; then what a sensor with ten metrics costs in a store of many.
/// </summary>
internal sealed class Growth(string server, Report report)
{
    private const int Sensors = 420;
    private const int Days = 100;
    private const int MinutesBetween = 20;
    private const int Runs = 20;

    // As many sensors with ten metrics of their own as a row of an aggregate has place for, beside those of the configuration.
    private const int SensorsOfTen = 18;

    private static readonly Instant End = BucketWidth.Fixed(TimeSpan.FromHours(1)).Floor(Instant.From(DateTimeOffset.UtcNow));

    public static string Workload => string.Create(
        CultureInfo.InvariantCulture,
        $"Data set: {Sensors} sensors × {Days} days, a reading in {MinutesBetween} minutes, refreshed and compressed: "
            + $"{Sensors * Days * 24:N0} hourly rows; one client writes and one reads all the time. Then ")
        + ManyMetrics.Workload(SensorsOfTen)["Data set: ".Length..];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await MeasureGrowthAsync(cancellationToken);
        await MeasureManyAsync(cancellationToken);
    }

    private async Task MeasureGrowthAsync(CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.CreateAsync(server, "tidemark_bench_growth", cancellationToken);
        await using (var store = await database.OpenStoreAsync(cancellationToken))
        {
            await FillAsync(store, cancellationToken);
            var idle = await BesideAsync(database, () => Task.Delay(TimeSpan.FromSeconds(10), cancellationToken), cancellationToken);
            report.Add(Longest("nothing else", idle));
            var one = new List<double>();
            var beside = await BesideAsync(
                database,
                async () =>
                {
                    for (var run = 0; run < Runs; run++)
                    {
                        one.Add(await GrowAsync(store, $"g{run}", 1, cancellationToken));
                        await Task.Delay(200, cancellationToken);
                    }
                },
                cancellationToken);
            var samples = new Samples(one);
            report.Add(Figure.Free(
                "write that brings a metric, beside a writer and a reader",
                samples.Median,
                "ms",
                $"median of {Runs}, slowest {Figure.Millis(samples.Max)}"));
            report.Add(Figure.Below("longest write beside it", beside.Write, 1000, "ms", $"longest read {Figure.Millis(beside.Read)}"));
            report.Add(Figure.Below("longest read beside it", beside.Read, 1000, "ms", ""));
            var fifty = 0.0;
            beside = await BesideAsync(
                database,
                async () => fifty = await GrowAsync(store, "h", 50, cancellationToken),
                cancellationToken);
            report.Add(Figure.Free("write that brings fifty metrics", fifty, "ms", ""));
            report.Add(Figure.Below(
                "longest write beside it",
                beside.Write,
                1000,
                "ms",
                $"longest read {Figure.Millis(beside.Read)}; ten at once"));
        }

        await RebuildAsync(database, $"{DataSet.Schema.Metrics.Count + Runs + 50} metrics", cancellationToken);
        await using var three = await BenchDatabase.CreateAsync(server, "tidemark_bench_growth_three", cancellationToken);
        await using (var store = await three.OpenStoreAsync(cancellationToken))
        {
            await FillAsync(store, cancellationToken);
        }

        await RebuildAsync(three, $"{DataSet.Schema.Metrics.Count} metrics", cancellationToken);
    }

    private async Task RebuildAsync(BenchDatabase database, string there, CancellationToken cancellationToken)
    {
        Report.Note($"metrics: aggregates of {there} made anew");
        await using var store = await database.OpenStoreAsync(cancellationToken, addColumns: false);
        var millis = 0.0;
        var beside = await BesideAsync(database, async () => millis = await GrowAsync(store, "r", 1, cancellationToken), cancellationToken);
        report.Add(Figure.Free(
            $"write that brings a metric to {there}, aggregates made anew as before TimescaleDB 2.28",
            millis / 1000,
            "s",
            $"longest write beside it {Figure.Text(beside.Write / 1000, "s")}, longest read {Figure.Text(beside.Read / 1000, "s")}"));
    }

    private async Task MeasureManyAsync(CancellationToken cancellationToken)
    {
        var databases = new Stack<BenchDatabase>();
        await new ManyMetrics(
            SensorsOfTen,
            async (_, token) =>
            {
                databases.Push(await BenchDatabase.CreateAsync(server, $"tidemark_bench_metrics_{databases.Count}", token));
                return await databases.Peek().OpenStoreAsync(token);
            },
            report).RunAsync(cancellationToken);
        while (databases.TryPop(out var database))
        {
            await database.DisposeAsync();
        }
    }

    private static async Task FillAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        Report.Note("metrics: a million hourly rows");
        for (var day = 0; day < Days; day++)
        {
            var batch = new ReadingBatch(DataSet.Schema.MetricNames, Sensors * 1440 / MinutesBetween);
            for (var minute = 0; minute < 1440; minute += MinutesBetween)
            {
                for (var sensor = 0; sensor < Sensors; sensor++)
                {
                    batch.Add(
                        Id(sensor),
                        End - TimeSpan.FromDays(Days - day) + TimeSpan.FromMinutes(minute),
                        [20 + (minute % 7), 50 + (sensor % 11), 1000]);
                }
            }

            await store.WriteAsync(batch, cancellationToken);
        }

        await DataSet.RefreshAllAsync(store, cancellationToken);
        await store.CompressAsync(null, cancellationToken);
    }

    private static string Id(int sensor) => $"sensor-{sensor:000}";

    /// <returns>Milliseconds.</returns>
    private static async Task<double> GrowAsync(ITelemetryStore store, string name, int metrics, CancellationToken cancellationToken)
    {
        var batch = new ReadingBatch([.. Enumerable.Range(0, metrics).Select(m => $"{name}_{m}")], 1);
        batch.Add(Id(0), Instant.From(DateTimeOffset.UtcNow), [.. Enumerable.Repeat(1.0, metrics)]);
        var watch = Stopwatch.StartNew();
        await store.WriteAsync(batch, cancellationToken);
        return watch.Elapsed.TotalMilliseconds;
    }

    /// <summary>A writer and a reader of another process, as long as something goes on.</summary>
    private static async Task<(double Write, double Read)> BesideAsync(
        BenchDatabase database,
        Func<Task> call,
        CancellationToken cancellationToken)
    {
        await using var other = await database.OpenStoreAsync(cancellationToken);
        using var ended = new CancellationTokenSource();
        var (writes, reads) = (new ConcurrentBag<double>(), new ConcurrentBag<double>());
        var random = new Random(1);
        async Task RepeatAsync(ConcurrentBag<double> millis, Func<Task> work)
        {
            while (!ended.IsCancellationRequested)
            {
                var watch = Stopwatch.StartNew();
                await work();
                millis.Add(watch.Elapsed.TotalMilliseconds);
                await Task.Delay(5, cancellationToken);
            }
        }

        var batch = new ReadingBatch(DataSet.Schema.MetricNames, 1);
        var writer = RepeatAsync(writes, async () =>
        {
            batch.Clear();
            batch.Add(Id(1), Instant.From(DateTimeOffset.UtcNow), [20, 50, 1000]);
            await other.WriteAsync(batch, cancellationToken);
        });
        var reader = RepeatAsync(reads, async () =>
        {
            var query = new AggregateQuery(
                "hourly",
                Id(random.Next(2, Sensors)),
                new TimeRange(End - TimeSpan.FromDays(7), Instant.MaxValue));
            await using var rows = await other.ReadAggregateAsync(query, cancellationToken);
            await foreach (var _ in rows.Rows.WithCancellation(cancellationToken))
            {
            }
        });

        // The first ones warm up.
        await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
        writes.Clear();
        reads.Clear();
        await call();
        await ended.CancelAsync();
        await Task.WhenAll(writer, reader);
        return (writes.Max(), reads.Max());
    }

    private static Figure Longest(string beside, (double Write, double Read) longest) => Figure.Free(
        $"longest write of a reading beside {beside}",
        longest.Write,
        "ms",
        $"longest week of hours {Figure.Millis(longest.Read)}");
}
