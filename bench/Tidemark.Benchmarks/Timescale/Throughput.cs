using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// How many questions a second about a sensor's week of hours: through HTTP, and the same rows by pgbench with a prepared statement.
/// </summary>
internal static partial class Throughput
{
    private const int Clients = 8;
    private const int Sensors = 1000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(15);

    public static async Task<Figure> MeasureAsync(BenchDatabase database, DataSet data, string folder, CancellationToken cancellationToken)
    {
        Report.Note("throughput: HTTP");
        double http;
        await using (var server = await TidemarkProcess.ServeAsync(database.StoreUri, database.Environment, cancellationToken))
        {
            using var layer = new HttpLayer(server.Url);
            await HttpAsync(layer, data, WarmUp, cancellationToken);
            http = await HttpAsync(layer, data, Span, cancellationToken);
        }

        Report.Note("throughput: pgbench");
        var bare = await PgbenchAsync(database, data, folder, cancellationToken);
        return Figure.AtLeast(
            $"week of hours, {Clients} clients through HTTP against pgbench", http / bare, 0.3, "",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{http:F0} requests/s against {bare:F0} statements/s, clients and server on the same cores"));
    }

    /// <summary>Requests a second, by eight clients that each ask again once they have the whole answer.</summary>
    public static async Task<double> HttpAsync(HttpLayer layer, DataSet data, TimeSpan span, CancellationToken cancellationToken)
    {
        var query = SensorQuery.All(data.End, Sensors)[0];
        var watch = Stopwatch.StartNew();
        var counts = await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(
            async () =>
            {
                var (random, count) = (new Random(client), 0);
                while (watch.Elapsed < span)
                {
                    await layer.GetAsync(query, data.Sensor(random), cancellationToken);
                    count++;
                }

                return count;
            },
            cancellationToken)));
        return counts.Sum() / watch.Elapsed.TotalSeconds;
    }

    private static async Task<double> PgbenchAsync(BenchDatabase database, DataSet data, string folder, CancellationToken cancellationToken)
    {
        var table = await database.ScalarAsync<string>(
            "SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) FROM "
                + "timescaledb_information.continuous_aggregates WHERE view_name = 'sensor_data_hourly'",
            cancellationToken);
        var columns = string.Join(
            ", ",
            DataSet.Schema.Metrics.SelectMany(m => new[] { $"avg_{m.Name}", $"min_{m.Name}", $"max_{m.Name}" }));
        var from = Period.Parse("1w").Until(data.End).From.ToDateTime();
        var script = Path.Combine(folder, "week.sql");
        await File.WriteAllTextAsync(
            script,
            $"\\set s random(1, {Sensors})\n"
            + $"SELECT bucket, {columns}, reading_count FROM {table} WHERE sensor_id = 'sensor_' || lpad((:s)::int::text, greatest(3, "
            + $"length((:s)::int::text)), '0') AND bucket >= '{from:yyyy-MM-dd HH:mm:ss}+00' ORDER BY bucket;\n",
            cancellationToken);
        var output = await database.RunAsync(
            "pgbench",
            ["-n", "-M", "prepared", "-c", $"{Clients}", "-j", "2", "-T", $"{Span.TotalSeconds}", "-f", script],
            cancellationToken);
        return double.Parse(TransactionsPerSecond().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"tps = ([\d.]+)")]
    private static partial Regex TransactionsPerSecond();
}
