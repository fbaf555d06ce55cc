using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Tidemark.Configuration;
using Tidemark.DuckDb;

namespace Tidemark.Benchmarks;

/// <summary>What a late reading costs in a store of 200 configured metrics and 20 aggregates, and closing the store after it.</summary>
/// <param name="folder">Of the store.</param>
/// <param name="report">Where figures go.</param>
internal sealed class WideStore(string folder, Report report)
{
    private const int Metrics = 200;
    private const int ReadingsOfSensor = 3000;
    private const int WarmUp = 5;
    private const int Runs = 20;

    private static readonly string[] Widths =
    [
        "5 minutes", "10 minutes", "15 minutes", "20 minutes", "30 minutes", "1 hour", "2 hours", "3 hours", "4 hours", "6 hours",
        "8 hours", "12 hours", "1 day", "2 days", "3 days", "4 days", "1 week", "2 weeks", "1 month", "3 months",
    ];

    private static readonly Instant Start = Instant.Utc(2026, 1, 1);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Report.Note("metrics: many configured ones and aggregates");
        var settings = Enumerable.Range(0, Metrics).Select(m => KeyValuePair.Create($"metrics:{m}:name", (string?)$"m{m}"))
            .Concat(Widths.SelectMany((width, i) => new[]
            {
                KeyValuePair.Create($"aggregates:{i}:name", (string?)$"a{i}"),
                KeyValuePair.Create($"aggregates:{i}:bucket", (string?)width),
            }));
        var schema = OptionsLoader.Load(new ConfigurationBuilder().AddInMemoryCollection(settings).Build()).Schema;
        var options = new DuckDbOptions { Folder = folder, Schema = schema };
        var store = await DuckDbStore.OpenAsync(options, cancellationToken);
        await store.InitializeAsync(cancellationToken);
        for (var sensor = 0; sensor < 3; sensor++)
        {
            await store.WriteAsync(Batch(schema, sensor, Start, ReadingsOfSensor), cancellationToken);
        }

        await RefreshAsync();
        var refreshes = new List<double>();
        for (var run = 0; run < WarmUp + Runs; run++)
        {
            var late = Start + TimeSpan.FromHours(20 * run) + TimeSpan.FromSeconds(1);
            await store.WriteAsync(Batch(schema, run % 3, late, 1), cancellationToken);
            var watch = Stopwatch.StartNew();
            await RefreshAsync();
            refreshes.Add(watch.Elapsed.TotalMilliseconds);
        }

        var samples = new Samples(refreshes.Skip(WarmUp));
        var name = $"{Metrics} configured metrics and {Widths.Length} aggregates";
        report.Add(Figure.Below(
            $"refresh after one late reading, {name}", samples.Median, 500, "ms",
            $"p95 {Figure.Millis(samples.Percentile(0.95))}; the first {Figure.Millis(refreshes[0])}"));
        var closing = Stopwatch.StartNew();
        await store.DisposeAsync();
        report.Add(Figure.Below($"closing the store after it, {name}", closing.Elapsed.TotalMilliseconds, 1000, "ms", ""));

        async Task RefreshAsync()
        {
            foreach (var aggregate in store.Schema.Aggregates)
            {
                await store.RefreshAsync(aggregate.Name, null, null, cancellationToken);
            }
        }
    }

    private static ReadingBatch Batch(TelemetrySchema schema, int sensor, Instant from, int count)
    {
        var batch = new ReadingBatch(schema.MetricNames, count);
        var (random, values) = (new Random(sensor), new double[Metrics]);
        for (var i = 0; i < count; i++)
        {
            for (var m = 0; m < Metrics; m++)
            {
                values[m] = random.Next(3) == 0 ? Math.Round(100 * random.NextDouble(), 2) : double.NaN;
            }

            batch.Add($"s{sensor}", from + (i * TimeSpan.FromMinutes(10)), values);
        }

        return batch;
    }
}
