using System.Diagnostics;

namespace Tidemark.Benchmarks;

/// <summary>A refresh after one late reading somewhere in the history, for histories of different lengths.</summary>
internal sealed class LateRefresh(Plan plan, DataSet data, string folder, string storeFolder)
{
    private const int WarmUp = 5;
    private const int Runs = 40;

    public async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        var figures = new List<Figure>();
        var medians = new List<double>();
        foreach (var days in new[] { 1, 7, plan.Days }.Where(d => d <= plan.Days).Distinct())
        {
            Report.Note($"refresh: {days} d of history");
            var path = days == plan.Days ? storeFolder : await BuildAsync(days, cancellationToken);
            var (refresh, finest, write) = await MeasureAsync(path, days, cancellationToken);
            medians.Add(finest.Median);
            figures.Add(Figure.Below(
                $"refresh after one late reading, {days} d of history", refresh.Median, 20, "ms",
                $"p95 {Figure.Millis(refresh.Percentile(0.95))}; {DataSet.Schema.Finest.Name} alone {Figure.Millis(finest.Median)}; the "
                    + $"write before it {Figure.Millis(write.Median)}"));
            if (days != plan.Days)
            {
                Directory.Delete(path, recursive: true);
            }
        }

        figures.Add(Figure.Below(
            $"{DataSet.Schema.Finest.Name} alone, {plan.Days} d against 1 d",
            medians[^1] / medians[0],
            2,
            "×",
            "flat: cost follows the changed buckets, of which a longer history has more levels, closed days and months"));
        return figures;
    }

    private async Task<string> BuildAsync(int days, CancellationToken cancellationToken)
    {
        var path = Path.Combine(folder, $"history-{days}");
        await using var store = await DataSet.OpenAsync(path, cancellationToken);
        for (var day = plan.Days - days; day < plan.Days; day++)
        {
            foreach (var batch in data.Day(day))
            {
                await store.WriteAsync(batch, cancellationToken);
            }
        }

        return path;
    }

    private async Task<(Samples Refresh, Samples Finest, Samples Write)> MeasureAsync(
        string path,
        int days,
        CancellationToken cancellationToken)
    {
        await using var store = await DataSet.OpenAsync(path, cancellationToken);
        await DataSet.RefreshAllAsync(store, cancellationToken);
        var coarsest = DataSet.Schema.Aggregates[^1].Name;
        var random = new Random(1);
        var writes = new List<double>();
        var (refreshes, finest) = (new List<double>(), new List<double>());
        for (var run = 0; run < WarmUp + Runs; run++)
        {
            // Between two readings of the grid and in a closed hour: a new reading that makes a bucket invalid.
            var minutesAgo = random.Next(120, days * 1440);
            var batch = new ReadingBatch(DataSet.Schema.MetricNames, 1);
            batch.Add(
                data.Sensor(random),
                data.End - TimeSpan.FromMinutes(minutesAgo) + TimeSpan.FromMilliseconds(1 + run),
                [20, 50, 1000]);
            var watch = Stopwatch.StartNew();
            await store.WriteAsync(batch, cancellationToken);
            writes.Add(watch.Elapsed.TotalMilliseconds);
            watch.Restart();
            var results = await store.RefreshAsync(DataSet.Schema.Finest.Name, null, null, cancellationToken);
            finest.Add(watch.Elapsed.TotalMilliseconds);
            await store.RefreshAsync(coarsest, null, null, cancellationToken);
            refreshes.Add(watch.Elapsed.TotalMilliseconds);
            if (results.Sum(r => r.RowsWritten) == 0)
            {
                throw new InvalidOperationException("a late reading made no bucket invalid");
            }
        }

        return (new Samples(refreshes.Skip(WarmUp)), new Samples(finest.Skip(WarmUp)), new Samples(writes.Skip(WarmUp)));
    }
}
