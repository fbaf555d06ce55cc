using System.Diagnostics;
using System.Globalization;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// The first days into an append-only store, and by <c>psql</c> from a file of binary COPY, compressed by TimescaleDB as it comes, into a
/// table of the same shape without aggregates.
/// </summary>
internal static class AppendOnlyLoad
{
    private const int Days = 6;

    public static async Task<Figure> MeasureAsync(string server, DataSet data, string folder, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.CreateAsync(server, "tidemark_bench_append", cancellationToken);
        await using var store = await database.OpenStoreAsync(cancellationToken, appendOnly: true);
        var (byStore, byPsql) = (new Stopwatch(), new Stopwatch());
        var psql = new BareTable(database, "bare_psql");
        await psql.CreateAsync(cancellationToken);
        await database.ExecuteAsync("ALTER TABLE bare_psql SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_id', "
            + "timescaledb.compress_orderby = 'time')", cancellationToken);
        var readings = 0L;
        for (var day = 0; day < Days; day++)
        {
            Report.Note($"append-only: day {day + 1} of {Days}");
            var batches = data.Day(day);
            readings += batches.Sum(b => (long)b.Count);
            var file = Path.Combine(folder, "day.pgcopy");
            await BareTable.WriteFileAsync(file, batches, cancellationToken);
            (Stopwatch Watch, Func<Task> Call)[] ways =
            [
                (byStore, async () =>
                {
                    foreach (var batch in batches)
                    {
                        await store.WriteAsync(batch, cancellationToken);
                    }
                }),
                (byPsql, () => psql.CopyByPsqlAsync(file, cancellationToken, "-c timescaledb.enable_direct_compress_copy=on")),
            ];
            foreach (var (timer, call) in day % 2 == 0 ? ways : ways.Reverse())
            {
                await BareTable.TimeAsync(timer, call);
            }

            File.Delete(file);
        }

        if (await database.ScalarAsync<long>("SELECT count(*) FROM timescaledb_information.chunks WHERE NOT is_compressed AND "
            + "hypertable_name IN ('sensor_data', 'bare_psql')", cancellationToken) > 0)
        {
            throw new InvalidOperationException("a chunk was not compressed as it came");
        }

        var bytes = await database.ScalarAsync<long>("SELECT hypertable_size('sensor_data')::bigint", cancellationToken);
        string Rate(Stopwatch time) => $"{readings / time.Elapsed.TotalSeconds / 1000:F0},000";
        return Figure.AtLeast(
            "append-only bulk load against psql's direct-compress COPY", byPsql.Elapsed / byStore.Elapsed, 0.8, "",
            string.Create(CultureInfo.InvariantCulture, $"{Rate(byStore)} against {Rate(byPsql)} readings/s, {Days} days in turns; "
                + $"{bytes / (double)readings:F1} bytes a reading as written"));
    }
}
