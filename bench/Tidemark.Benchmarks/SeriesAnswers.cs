using System.Diagnostics;
using Tidemark.DuckDb;
using Tidemark.Generation;

namespace Tidemark.Benchmarks;

/// <summary>Answers of <c>/api/series</c> beside the plain endpoints that hold the same values, asked in turns.</summary>
internal sealed class SeriesAnswers(string folder, Report report)
{
    public const string Workload = "Data set: 20 sensors × 366 days × 5 min of 3 metrics, aggregates of 1 hour, 1 day and 1 month.";

    private const int Sensors = 20;
    private const int Together = 10;
    private const int WarmUp = 100;
    private const int Rounds = 400;
    private const double Most = 1.3;
    private const string Functions = "fn=avg,min,max";

    private readonly string _store = Path.Combine(folder, "series");

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!DuckDbStore.Exists(_store))
        {
            await FillAsync(cancellationToken);
        }

        await using var server = await TidemarkProcess.ServeAsync($"duckdb:{_store}", null, cancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };
        foreach (var (name, plain, series) in new[]
        {
            ("week of hours", "hourly?period=1w", $"period=1w&{Functions}"),
            ("month of hours", "hourly?period=1m", $"period=1m&{Functions}"),
            ("year of days", "daily?period=1y", $"period=1y&{Functions}"),
            ("day of readings", "raw?period=1d", "period=1d"),
        })
        {
            await CompareAsync(
                client,
                $"{name}, one sensor",
                Rounds,
                id => [$"/api/sensors/{id}/{plain}"],
                id => $"/api/series?sensors={id}&{series}",
                cancellationToken);
        }

        var ids = Enumerable.Range(0, Together).Select(SensorSimulator.SensorId).ToList();
        await CompareAsync(
            client,
            "week of hours, ten sensors against ten requests",
            Rounds / 4,
            _ => [.. ids.Select(id => $"/api/sensors/{id}/hourly?period=1w")],
            _ => $"/api/series?sensors={string.Join(',', ids)}&period=1w&{Functions}",
            cancellationToken);
    }

    private async Task CompareAsync(
        HttpClient client,
        string name,
        int rounds,
        Func<string, string[]> plain,
        Func<string, string> series,
        CancellationToken cancellationToken)
    {
        Report.Note($"series: {name}");
        var random = new Random(1);
        var (plainMillis, seriesMillis) = (new List<double>(), new List<double>());
        for (var i = 0; i < WarmUp + rounds; i++)
        {
            var id = SensorSimulator.SensorId(random.Next(Sensors));
            Func<Task>[] turns = [() => AskAsync(plainMillis, plain(id)), () => AskAsync(seriesMillis, [series(id)])];
            foreach (var turn in i % 2 == 0 ? turns : turns.Reverse())
            {
                await turn();
            }
        }

        var (plainTime, seriesTime) = (new Samples(plainMillis[WarmUp..]), new Samples(seriesMillis[WarmUp..]));
        report.Add(Figure.Below(
            name,
            seriesTime.Median / plainTime.Median,
            Most,
            "×",
            $"median {Figure.Millis(seriesTime.Median)} against {Figure.Millis(plainTime.Median)}"));

        async Task AskAsync(List<double> millis, string[] paths)
        {
            var watch = Stopwatch.StartNew();
            foreach (var path in paths)
            {
                await client.GetByteArrayAsync(path, cancellationToken);
            }

            millis.Add(watch.Elapsed.TotalMilliseconds);
        }
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        Report.Note("series: fill");
        await using var store = await DataSet.OpenAsync(_store, cancellationToken);
        var generator = new Generator(DataSet.Schema, new GeneratorPlan { Sensors = Sensors, Interval = TimeSpan.FromMinutes(5) });
        var end = Instant.From(DateTimeOffset.UtcNow);
        foreach (var batch in generator.Readings(end - TimeSpan.FromDays(366), end, ReadingBatch.BulkSize))
        {
            await store.WriteAsync(batch, cancellationToken);
        }

        await DataSet.RefreshAllAsync(store, cancellationToken);
        await store.CompressAsync(null, cancellationToken);
    }
}
