using System.Diagnostics;

namespace Tidemark.Benchmarks;

/// <summary>Fills the store, day after day, and beside it a bare table with the same batches and commits.</summary>
internal sealed class BulkWrite(Plan plan, DataSet data, string storeFolder)
{
    /// <summary>
    /// Days are made in memory before the clock starts; store and driver take turns in going first. Closing counts, because it
    /// writes what only the log holds until then.
    /// </summary>
    public async Task<Figure> CompareAsync(string bareFolder, CancellationToken cancellationToken)
    {
        var (storeTime, bareTime) = (new Stopwatch(), new Stopwatch());
        Directory.CreateDirectory(bareFolder);
        var bare = new BareAppender(Path.Combine(bareFolder, "bare.duckdb"));
        var store = await DataSet.OpenAsync(storeFolder, cancellationToken);
        try
        {
            for (var day = 0; day < plan.Days; day++)
            {
                var batches = Day(day);
                var keys = Enumerable.Range(0, batches.Max(b => b.Count)).Select(row => row % plan.Sensors).ToArray();
                if (day % 2 == 0)
                {
                    await WriteAsync(store, batches, storeTime, cancellationToken);
                    Write(bare, batches, keys, bareTime);
                }
                else
                {
                    Write(bare, batches, keys, bareTime);
                    await WriteAsync(store, batches, storeTime, cancellationToken);
                }
            }
        }
        finally
        {
            bareTime.Start();
            bare.Dispose();
            bareTime.Stop();
            storeTime.Start();
            await store.DisposeAsync();
            storeTime.Stop();
        }

        var bareBytes = DataSet.Bytes(bareFolder) / (double)data.Readings;
        Directory.Delete(bareFolder, recursive: true);
        return Figure.AtLeast(
            "bulk write against the bare DuckDB appender", bareTime.Elapsed / storeTime.Elapsed, 0.7, "",
            $"{Rate(storeTime)} against {Rate(bareTime)} readings/s in {plan.Days} rounds; the bare file has "
                + $"{Figure.Text(bareBytes, "bytes")} a reading");
    }

    /// <summary>Only fills the store.</summary>
    public async Task FillAsync(CancellationToken cancellationToken)
    {
        await using var store = await DataSet.OpenAsync(storeFolder, cancellationToken);
        for (var day = 0; day < plan.Days; day++)
        {
            await WriteAsync(store, Day(day), new Stopwatch(), cancellationToken);
        }
    }

    /// <summary>Brings a store of an earlier run up to now.</summary>
    public async Task ExtendAsync(CancellationToken cancellationToken)
    {
        await using var store = await DataSet.OpenAsync(storeFolder, cancellationToken);
        var sensors = await store.ReadSensorsAsync(cancellationToken).ToListAsync(cancellationToken);
        if (sensors.Count < plan.Sensors)
        {
            throw new InvalidOperationException(
                $"the store in {storeFolder} has {sensors.Count} sensors, not {plan.Sensors}: name another folder");
        }

        var last = new Instant(sensors.Max(s => s.LastReading.Micros) / 60_000_000 * 60_000_000);
        if (last < data.End)
        {
            Report.Note($"fill: from {last} on");
            await WriteAsync(store, data.Batches(last + Plan.Interval, data.End), new Stopwatch(), cancellationToken);
        }
    }

    private ReadingBatch[] Day(int day)
    {
        Report.Note($"fill: day {day + 1} of {plan.Days}");
        return data.Day(day);
    }

    private static async Task WriteAsync(ITelemetryStore store, ReadingBatch[] batches, Stopwatch time, CancellationToken cancellationToken)
    {
        time.Start();
        foreach (var batch in batches)
        {
            await store.WriteAsync(batch, cancellationToken);
        }

        time.Stop();
    }

    private static void Write(BareAppender bare, ReadingBatch[] batches, int[] keys, Stopwatch time)
    {
        time.Start();
        foreach (var batch in batches)
        {
            bare.Write(batch, keys);
        }

        time.Stop();
    }

    private string Rate(Stopwatch time) => Figure.Text(data.Readings / time.Elapsed.TotalSeconds / 1e6, "M");
}
