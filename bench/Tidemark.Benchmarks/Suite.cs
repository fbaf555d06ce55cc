using System.Diagnostics;
using Tidemark.DuckDb;

namespace Tidemark.Benchmarks;

/// <summary>
/// Runs the workloads in the one order that a store allows: as written, then refreshed, compressed, served, written to late.
/// </summary>
internal sealed class Suite(Plan plan, string folder, Report report)
{
    private readonly DataSet _data = new(plan);
    private readonly string _store = Path.Combine(folder, "store");

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (plan.Includes("generate"))
        {
            report.Add(await GenerateProcess.MeasureAsync(folder, cancellationToken));
        }

        if (plan.Includes("sparse"))
        {
            report.Add(await SparseHistory.MeasureAsync(folder, cancellationToken));
        }

        if (!plan.Includes([.. Plan.Workloads.Except(["generate", "sparse"])]))
        {
            return;
        }

        if (DuckDbStore.Exists(_store))
        {
            Report.Note("the folder holds a store: it is brought up to now, and what needs a new one is left out (bulk write, sizes as "
                + "written, fleet)");
            await new BulkWrite(plan, _data, _store).ExtendAsync(cancellationToken);
        }
        else
        {
            await AsWrittenAsync(cancellationToken);
        }

        await MaintainAsync(cancellationToken);
        await ServedAsync(cancellationToken);
        if (plan.Includes("refresh"))
        {
            report.Add(await new LateRefresh(plan, _data, folder, _store).MeasureAsync(cancellationToken));
        }
    }

    private async Task AsWrittenAsync(CancellationToken cancellationToken)
    {
        var write = new BulkWrite(plan, _data, _store);
        if (plan.Includes("write"))
        {
            report.Add(await write.CompareAsync(Path.Combine(folder, "bare"), cancellationToken));
        }
        else
        {
            await write.FillAsync(cancellationToken);
        }

        AddSize("size of the files as written", 8);
        await using (var store = await DataSet.OpenAsync(_store, cancellationToken))
        {
            Report.Note("refresh: all aggregates from nothing");
            var watch = Stopwatch.StartNew();
            await DataSet.RefreshAllAsync(store, cancellationToken);
            if (plan.Includes("refresh"))
            {
                report.Add(
                    Figure.Free("refresh of all aggregates from nothing", watch.Elapsed.TotalSeconds, "s", $"{_data.Readings:N0} "
                        + "readings"));
            }

            if (plan.Includes("fleet"))
            {
                report.Add(await FleetQueries.MeasureAsync(store, _data, "raw not yet compressed", bound: true, cancellationToken));
            }
        }

        if (plan.Includes("queries"))
        {
            SensorQuery[] asWritten = [SensorQuery.RawLastDay(_data.End, "raw last day, as written")];
            var queries = new SensorQueries(_data, _store);
            await queries.MeasureBelowAsync(asWritten, cancellationToken);
            await using var server = await TidemarkProcess.ServeAsync($"duckdb:{_store}", null, cancellationToken);
            report.Add(await queries.MeasureHttpAsync(server.Url, asWritten, cancellationToken));
        }
    }

    private async Task MaintainAsync(CancellationToken cancellationToken)
    {
        await using (var store = await DataSet.OpenAsync(_store, cancellationToken))
        {
            Report.Note("compress");
            await DataSet.RefreshAllAsync(store, cancellationToken);
            await store.CompressAsync(null, cancellationToken);
        }

        AddSize("size of the files after refresh and compression", 10);
    }

    private async Task ServedAsync(CancellationToken cancellationToken)
    {
        if (!plan.Includes("queries", "memory", "concurrent"))
        {
            return;
        }

        var all = SensorQuery.All(_data.End, plan.Sensors);
        var queries = new SensorQueries(_data, _store);
        if (plan.Includes("queries"))
        {
            await queries.MeasureBelowAsync(all, cancellationToken);
        }

        await using var server = await TidemarkProcess.ServeAsync($"duckdb:{_store}", null, cancellationToken);
        if (plan.Includes("memory"))
        {
            report.Add(await IdleMemoryAsync(server, all, cancellationToken));
        }

        if (plan.Includes("queries"))
        {
            report.Add(await queries.MeasureHttpAsync(server.Url, all, cancellationToken));
        }

        if (plan.Includes("concurrent"))
        {
            report.Add(await new ConcurrentReads(plan, _data).MeasureAsync(server.Url, all, cancellationToken));
        }

        if (plan.Includes("memory"))
        {
            report.Add(Figure.Free("memory of the server at the end", Mebibytes(server), "MiB", "after every request above"));
        }
    }

    private async Task<Figure> IdleMemoryAsync(
        TidemarkProcess server,
        IReadOnlyList<SensorQuery> queries,
        CancellationToken cancellationToken)
    {
        Report.Note("memory: 10 s after the start");
        using var http = new HttpLayer(server.Url);
        var random = new Random(1);
        foreach (var query in queries)
        {
            await http.GetAsync(query, _data.Sensor(random), cancellationToken);
        }

        await Task.Delay(TimeSpan.FromSeconds(10), cancellationToken);
        return Figure.Below("memory of the idle server", Mebibytes(server), 300, "MiB", "resident, 10 s after one request of each kind");
    }

    private void AddSize(string name, double bound)
    {
        if (plan.Includes("size"))
        {
            var bytes = DataSet.Bytes(_store);
            report.Add(Figure.Below(
                name,
                bytes / (double)_data.Readings,
                bound,
                "bytes a reading",
                $"{bytes / (1 << 20)} MiB, free space inside included"));
        }
    }

    private static double Mebibytes(TidemarkProcess server) => server.Memory / (double)(1 << 20);
}
