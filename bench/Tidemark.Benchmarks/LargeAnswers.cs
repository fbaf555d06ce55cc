using Microsoft.Extensions.Configuration;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Generation;

namespace Tidemark.Benchmarks;

/// <summary>
/// Answers of a million rows from a server process: how soon one begins, and what many at once cost the server and its other clients.
/// Each crowd meets a server of its own, so that a peak is that crowd's.
/// </summary>
internal sealed class LargeAnswers(string folder, Report report)
{
    public const string Workload =
        "Data set: one sensor with a reading each 10 s for a year and 9 with one a minute for 30 days, aggregates of 1 minute, 1 hour "
            + "and 1 day.";

    private const int Dense = 0;
    private const int Sensors = 10;
    private const double MegaByte = 1e6;

    private static readonly (string Key, string Value)[] Settings =
    [
        ("aggregates:0:name", "minutes"), ("aggregates:0:bucket", "1 minute"),
        ("aggregates:1:name", "hourly"), ("aggregates:1:bucket", "1 hour"),
        ("aggregates:2:name", "daily"), ("aggregates:2:bucket", "1 day"),
    ];

    private static readonly string Raw = $"/api/sensors/{SensorSimulator.SensorId(Dense)}/raw?period=1y";
    private static readonly string Minutes = $"/api/sensors/{SensorSimulator.SensorId(Dense)}/minutes?period=1y";
    private static readonly string Other = $"/api/sensors/{SensorSimulator.SensorId(Sensors - 1)}/hourly?period=1w";

    private readonly TelemetrySchema _schema = OptionsLoader.Load(
        new ConfigurationBuilder()
            .AddInMemoryCollection(Settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value)))
            .Build()).Schema;

    private readonly string _store = Path.Combine(folder, "answers");

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!DuckDbStore.Exists(_store))
        {
            await FillAsync(cancellationToken);
        }

        await FirstBytesAsync(cancellationToken);
        await CrowdAsync("raw, a year of one sensor", Raw, Crowd.Fast, cancellationToken);
        await CrowdAsync("the same at 200 kB/s", Raw, Crowd.Slow, cancellationToken);
        await CrowdAsync("minutes, a year of one sensor", Minutes, Crowd.Fast, cancellationToken);
    }

    private async Task FirstBytesAsync(CancellationToken cancellationToken)
    {
        await using var server = await ServeAsync(cancellationToken);
        foreach (var (name, path) in new[] { ("raw", Raw), ("minutes", Minutes) })
        {
            var client = new Crowd(server.Url, path);
            var samples = await Samples.MeasureAsync(
                warmUp: 2, count: 15, _ => client.FirstByteAsync(cancellationToken), cancellationToken);
            var beside = $"median of {samples.Count}, slowest {Figure.Millis(samples.Max)}";
            report.Add(Figure.Below($"{name}, a year of one sensor: first byte", samples.Median, 100, "ms", beside));
        }
    }

    private async Task CrowdAsync(
        string name, string path, Func<Crowd, CancellationToken, Task<string>> read, CancellationToken cancellationToken)
    {
        name = $"{Crowd.Readers} × {name}";
        Report.Note($"answers: {name}");
        await using var server = await ServeAsync(cancellationToken);
        using var other = new OtherClient(server.Url, Other);
        await other.WarmUpAsync(cancellationToken);
        await Task.Delay(TimeSpan.FromSeconds(10), cancellationToken);
        var idle = server.Memory / MegaByte;

        other.Start(cancellationToken);
        var beside = await read(new Crowd(server.Url, path), cancellationToken);
        var waits = await other.StopAsync();
        var peak = server.PeakMemory / MegaByte;
        await Task.Delay(TimeSpan.FromMinutes(1), cancellationToken);
        var afterwards = server.Memory / MegaByte;
        report.Add(
            Figure.Below($"{name}: peak above idle", peak - idle, 400, "MB", $"{beside}; idle {Figure.Text(idle, "MB")}"),
            Figure.Below($"{name}: a minute later above idle", afterwards - idle, 150, "MB", ""),
            Figure.Below(
                $"{name}: slowest week of hours of another sensor", waits.Max, 250, "ms",
                $"{waits.Count} reads, median {Figure.Millis(waits.Median)}, p99 {Figure.Millis(waits.Percentile(0.99))}"));
    }

    private Task<TidemarkProcess> ServeAsync(CancellationToken cancellationToken)
    {
        var variables = Settings.ToDictionary(s => $"TIDEMARK_{s.Key.Replace(":", "__", StringComparison.Ordinal)}", s => s.Value);
        return TidemarkProcess.ServeAsync($"duckdb:{_store}", variables, cancellationToken);
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        Report.Note("answers: fill");
        await using var store = await DuckDbStore.OpenAsync(new DuckDbOptions { Folder = _store, Schema = _schema }, cancellationToken);
        await store.InitializeAsync(cancellationToken);
        var end = new Instant(Instant.From(DateTimeOffset.UtcNow).Micros / 60_000_000 * 60_000_000);
        await FillAsync(store, Dense, end - TimeSpan.FromDays(366), end, TimeSpan.FromSeconds(10), cancellationToken);
        for (var sensor = Dense + 1; sensor < Sensors; sensor++)
        {
            await FillAsync(store, sensor, end - TimeSpan.FromDays(30), end, TimeSpan.FromMinutes(1), cancellationToken);
        }

        foreach (var aggregate in _schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, cancellationToken);
        }

        await store.CompressAsync(null, cancellationToken);
    }

    private async Task FillAsync(
        ITelemetryStore store, int sensor, Instant from, Instant to, TimeSpan interval, CancellationToken cancellationToken)
    {
        var simulator = new SensorSimulator(_schema, 1);
        var batch = new ReadingBatch(_schema.MetricNames, ReadingBatch.BulkSize);
        var values = new double[_schema.Metrics.Count];
        for (var time = from; time < to; time += interval)
        {
            simulator.Draw(sensor, time, SensorSimulator.Cycles(time), values);
            batch.Add(SensorSimulator.SensorId(sensor), time, values);
            if (batch.Count == ReadingBatch.BulkSize || time + interval >= to)
            {
                await store.WriteAsync(batch, cancellationToken);
                batch.Clear();
            }
        }
    }
}
