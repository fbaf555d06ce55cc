using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Tidemark.Benchmarks;

/// <summary>Few readings over many years: commands on them as processes from start to end, the status from an open store.</summary>
internal static class SparseHistory
{
    private const int Runs = 5;

    private static readonly Dictionary<string, string> AnyTime = new() { ["TIDEMARK_OLDEST_TIME"] = "0001-01-01T00:00:00Z" };

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        Report.Note("sparse: readings of one sensor, a day apart from 1958 to 2026 and at random times of 2,000 years");
        var daily = Enumerable.Range(0, 25_160).Select(day => new DateTime(1958, 1, 1, 12, 0, 0).AddDays(day));
        var random = new Random(1);
        var anytime = Enumerable.Range(0, 60_000).Select(_ => new DateTime(26, 1, 1).AddSeconds(random.NextInt64(2000L * 365 * 86_400)));
        return
        [
            .. await MeasureAsync(folder, "25,160 daily readings of 68 years", daily, import: 1, cancellationToken),
            .. await MeasureAsync(folder, "60,000 readings at random times of 2,000 years", anytime, import: 10, cancellationToken),
        ];
    }

    private static async Task<List<Figure>> MeasureAsync(
        string folder, string name, IEnumerable<DateTime> times, double import, CancellationToken cancellationToken)
    {
        var file = Path.Combine(folder, "sparse.csv");
        await File.WriteAllTextAsync(file, Csv(times), cancellationToken);
        string[][] commands = [["import", file], ["refresh"], ["maintain"]];
        double[] bounds = [import, 2, 2];
        var (millis, status, bytes) = (commands.Select(_ => new List<double>()).ToArray(), new List<double>(), 0L);
        for (var run = 0; run < Runs; run++)
        {
            var store = Path.Combine(folder, "sparse");
            foreach (var (i, command) in commands.Index())
            {
                var watch = Stopwatch.StartNew();
                await TidemarkProcess.RunAsync($"duckdb:{store}", command, AnyTime, cancellationToken);
                millis[i].Add(watch.Elapsed.TotalMilliseconds);
            }

            status.Add(await ReadStatusAsync(store, cancellationToken));
            bytes = DataSet.Bytes(store);
            Directory.Delete(store, recursive: true);
        }

        File.Delete(file);
        var figures = commands.Select((command, i) =>
        {
            var samples = new Samples(millis[i]);
            var beside = $"median of {Runs}, slowest {Figure.Text(samples.Max / 1000, "s")}";
            return Figure.Below($"`{command[0]}` of {name}, whole process", samples.Median / 1000, bounds[i], "s", beside);
        }).ToList();
        figures.Add(Figure.Below($"status of {name}", new Samples(status).Median, 200, "ms", "the first of an open store"));
        figures.Add(Figure.Below($"size of the files with {name}", bytes / 1e6, 10, "MB", "after refresh and maintenance"));
        return figures;
    }

    private static async Task<double> ReadStatusAsync(string folder, CancellationToken cancellationToken)
    {
        await using var store = await DataSet.OpenAsync(folder, cancellationToken);
        var watch = Stopwatch.StartNew();
        await store.ReadStatusAsync(cancellationToken);
        return watch.Elapsed.TotalMilliseconds;
    }

    private static string Csv(IEnumerable<DateTime> times)
    {
        var text = new StringBuilder("time,sensor_id,temperature\n");
        foreach (var (row, time) in times.Index())
        {
            text.Append(CultureInfo.InvariantCulture, $"{time:yyyy-MM-dd'T'HH:mm:ss'Z'},station,{row % 300 / 10.0:F1}\n");
        }

        return text.ToString();
    }
}
