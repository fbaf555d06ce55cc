using System.Diagnostics;
using System.Globalization;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// The workloads on a TimescaleDB server, each in a database of its own: as written, then refreshed, asked, compressed, written to late.
/// </summary>
internal sealed class TimescaleSuite(Plan plan, string server, string folder, Report report)
{
    // Days that psql and the bare driver load too; the others are only written.
    private const int ComparedDays = 4;
    private const int GenerateRuns = 5;
    private const int LateRuns = 20;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (plan.Includes("generate"))
        {
            report.Add(await GenerateAsync(cancellationToken));
        }

        if (plan.Includes("append"))
        {
            report.Add(await AppendOnlyLoad.MeasureAsync(server, new DataSet(plan), folder, cancellationToken));
        }

        if (plan.Includes("write", "size", "fleet", "queries", "proxy"))
        {
            await using var database = await BenchDatabase.CreateAsync(server, "tidemark_bench", cancellationToken);
            await MeasureAsync(database, plan, large: true, cancellationToken);
        }

        Samples? late = null;
        if (plan.Includes("refresh"))
        {
            await using var database = await BenchDatabase.CreateAsync(server, "tidemark_bench_month", cancellationToken);
            var month = plan with { Sensors = 10, Days = 30 };
            var data = new DataSet(month);
            await using var store = await database.OpenStoreAsync(cancellationToken);
            await FillAsync(database, store, data, month, compare: false, cancellationToken);
            await DataSet.RefreshAllAsync(store, cancellationToken);
            await database.ExecuteAsync("VACUUM ANALYZE", cancellationToken);
            late = await LateAsync(store, data, month, cancellationToken);
            report.Add(Late(month, late));
        }

        if (plan.Includes("fleet", "refresh"))
        {
            await using var database = await BenchDatabase.CreateAsync(server, "tidemark_bench_year", cancellationToken);
            await MeasureAsync(database, plan with { Sensors = 10, Days = 365 }, large: false, cancellationToken, late);
        }
    }

    private async Task<Figure> GenerateAsync(CancellationToken cancellationToken)
    {
        Report.Note("generate: a process that writes 30 days of 10 sensors");
        var millis = new List<double>();
        for (var run = 0; run < GenerateRuns; run++)
        {
            await using var database = await BenchDatabase.CreateAsync(server, "tidemark_bench_generate", cancellationToken);
            await TidemarkProcess.RunAsync(database.StoreUri, ["init"], database.Environment, cancellationToken);
            var watch = Stopwatch.StartNew();
            await TidemarkProcess.RunAsync(
                database.StoreUri,
                ["generate", "--days", "30", "--sensors", "10", "--interval", "60"],
                database.Environment,
                cancellationToken);
            millis.Add(watch.Elapsed.TotalMilliseconds);
        }

        var samples = new Samples(millis);
        return Figure.Below(
            "`generate` of 432,010 readings, whole process, after `init`", samples.Median
                / 1000, 2.5, "s", $"median of {GenerateRuns}, slowest {Figure.Text(samples.Max / 1000, "s")}");
    }

    private async Task MeasureAsync(
        BenchDatabase database,
        Plan of,
        bool large,
        CancellationToken cancellationToken,
        Samples? lateInMonth = null)
    {
        var data = new DataSet(of);
        var name = string.Create(CultureInfo.InvariantCulture, $"{of.Sensors:N0} sensors × {of.Days} d");
        await using var store = await database.OpenStoreAsync(cancellationToken);
        await FillAsync(database, store, data, of, large, cancellationToken);
        Report.Note("refresh: all aggregates from nothing");
        var watch = Stopwatch.StartNew();
        await DataSet.RefreshAllAsync(store, cancellationToken);
        report.Add(
            Figure.Free($"refresh of all aggregates from nothing, {name}", watch.Elapsed.TotalSeconds, "s", $"{data.Readings:N0} "
                + "readings"));
        await database.ExecuteAsync("VACUUM ANALYZE", cancellationToken);
        if (plan.Includes("fleet"))
        {
            report.Add(await FleetQueries.MeasureAsync(store, data, name, bound: large, cancellationToken));
        }

        if (large && plan.Includes("queries"))
        {
            report.Add(await Throughput.MeasureAsync(database, data, folder, cancellationToken));
        }

        if (large && plan.Includes("proxy"))
        {
            report.Add(await ProxyCost.MeasureAsync(database, data, folder, cancellationToken));
        }

        if (!large && plan.Includes("refresh"))
        {
            var late = await LateAsync(store, data, of, cancellationToken);
            report.Add(Late(of, late));
            report.Add(Figure.Below(
                "the same, a year against a month of history",
                late.Median / lateInMonth!.Median,
                2,
                "×",
                "flat: cost follows the changed buckets"));
        }

        if (large && plan.Includes("size"))
        {
            report.Add(await CompressAsync(database, store, data, cancellationToken));
        }
    }

    /// <summary>Days made in memory beforehand; store, psql and driver take turns in going first.</summary>
    private async Task FillAsync(
        BenchDatabase database,
        ITelemetryStore store,
        DataSet data,
        Plan of,
        bool compare,
        CancellationToken cancellationToken)
    {
        var (byStore, byPsql, byDriver) = (new Stopwatch(), new Stopwatch(), new Stopwatch());
        var (psql, driver) = (new BareTable(database, "bare_psql"), new BareTable(database, "bare_driver"));
        var compared = compare && plan.Includes("write") ? Math.Min(ComparedDays, of.Days) : 0;
        for (var day = 0; day < of.Days; day++)
        {
            var batches = data.Day(day);
            Func<Task> write = async () =>
            {
                foreach (var batch in batches)
                {
                    await store.WriteAsync(batch, cancellationToken);
                }
            };
            if (day >= compared)
            {
                Report.Note($"fill: day {day + 1} of {of.Days}");
                await write();
                continue;
            }

            Report.Note($"fill: day {day + 1} of {of.Days}, compared");
            var file = Path.Combine(folder, "day.pgcopy");
            await BareTable.WriteFileAsync(file, batches, cancellationToken);
            if (day == 0)
            {
                await psql.CreateAsync(cancellationToken);
                await driver.CreateAsync(cancellationToken);
            }

            (Stopwatch Watch, Func<Task> Call)[] ways =
            [
                (byStore, write), (byPsql, () => psql.CopyByPsqlAsync(file, cancellationToken)), (byDriver, () => driver.CopyByDriverAsync(
                    batches,
                    cancellationToken)),
            ];
            foreach (var (timer, call) in ways.Skip(day % 3).Concat(ways.Take(day % 3)))
            {
                await BareTable.TimeAsync(timer, call);
            }

            File.Delete(file);
        }

        if (compared > 0)
        {
            string Rate(Stopwatch time) => $"{data.Readings / of.Days * compared / time.Elapsed.TotalSeconds / 1000:F0},000";
            report.Add(Figure.AtLeast(
                "bulk load against psql's binary COPY into the same table", byPsql.Elapsed / byStore.Elapsed, 0.8, "",
                $"{Rate(byStore)} against {Rate(byPsql)} readings/s, bare driver {Rate(byDriver)}, {compared} days of {of.Sensors:N0} "
                    + "sensors in turns"));
            await psql.DropAsync(cancellationToken);
            await driver.DropAsync(cancellationToken);
        }
    }

    private static async Task<Samples> LateAsync(ITelemetryStore store, DataSet data, Plan of, CancellationToken cancellationToken)
    {
        Report.Note("refresh: one late reading");
        var random = new Random(1);
        var refreshes = new List<double>();
        for (var run = 0; run < LateRuns; run++)
        {
            var batch = new ReadingBatch(DataSet.Schema.MetricNames, 1);
            batch.Add(
                data.Sensor(random),
                data.End - TimeSpan.FromMinutes(random.Next(120, of.Days * 1440)) + TimeSpan.FromMilliseconds(1 + run),
                [20, 50, 1000]);
            await store.WriteAsync(batch, cancellationToken);
            var watch = Stopwatch.StartNew();
            var results = await store.RefreshAsync(DataSet.Schema.Aggregates[^1].Name, null, null, cancellationToken);
            refreshes.Add(watch.Elapsed.TotalMilliseconds);
            if (results.Sum(r => r.RowsWritten) == 0)
            {
                throw new InvalidOperationException("a late reading made no bucket invalid");
            }
        }

        return new Samples(refreshes);
    }

    private static Figure Late(Plan of, Samples samples) => Figure.Free(
        $"refresh after one late reading in {of.Days} days of {of.Sensors} sensors", samples
            .Median, "ms", $"p95 {Figure.Millis(samples.Percentile(0.95))}; its hour, day and month are written again");

    private static async Task<Figure> CompressAsync(
        BenchDatabase database,
        ITelemetryStore store,
        DataSet data,
        CancellationToken cancellationToken)
    {
        Report.Note("compress");
        var watch = Stopwatch.StartNew();
        await store.CompressAsync(null, cancellationToken);
        var raw = (await store.ReadStatusAsync(cancellationToken)).Hypertables.Single();
        var compressed = await database.ScalarAsync<long>("SELECT coalesce(sum(numrows_pre_compression), 0)::bigint FROM "
            + "chunk_compression_stats('sensor_data') JOIN _timescaledb_catalog.chunk c ON c.schema_name = chunk_schema AND c.table_name "
            + "= chunk_name JOIN _timescaledb_catalog.compression_chunk_size s ON s.chunk_id = c.id", cancellationToken);
        var index = await database.ScalarAsync<long>(
            "SELECT sum(before_compression_index_bytes)::bigint FROM hypertable_compression_stats('sensor_data')",
            cancellationToken);
        var ratio = (double)raw.BytesAfterCompression / raw.BytesBeforeCompression;
        return new Figure(
            "bytes after compression against before", Figure.Text(ratio, ""), "at most 0.14", ratio <= 0.14,
            string.Create(CultureInfo.InvariantCulture, $"{raw.BytesBeforeCompression / (double)compressed:F1}, of which the key and "
                + $"indexes {index / (double)compressed:F1}, to {raw.BytesAfterCompression / (double)compressed:F1} bytes a reading in "
                + $"{raw.CompressedChunks} of {raw.Chunks} chunks, in {watch.Elapsed.TotalSeconds:F1} s"));
    }
}
