using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tidemark.Generation;

namespace Tidemark.Benchmarks;

/// <summary>Clients that read without a pause while another one sends the history of new sensors.</summary>
internal sealed class ConcurrentReads(Plan plan, DataSet data)
{
    private const int Clients = 10;
    private const int NewSensors = 100;
    private const int NewDays = 7;

    public async Task<IReadOnlyList<Figure>> MeasureAsync(Uri url, IReadOnlyList<SensorQuery> queries, CancellationToken cancellationToken)
    {
        Report.Note($"concurrent: {Clients} clients beside a bulk write");
        var errors = 0;
        var bodies = Bodies();
        using var http = new HttpLayer(url);
        var watch = Stopwatch.StartNew();
        using var done = new CancellationTokenSource();
        var write = WriteAsync();
        var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(() => ReadAsync(client), cancellationToken)).ToArray();
        await write;
        var results = await Task.WhenAll(clients);
        var samples = new Samples(results.SelectMany(r => r));
        var rate = bodies.Sum(b => b.Readings) / watch.Elapsed.TotalSeconds;
        return
        [
            Figure.Below(
                $"{Clients} clients reading while a bulk write runs, slowest read", samples.Max, 250, "ms",
                string.Create(CultureInfo.InvariantCulture, $"{samples.Count} reads, median {samples.Median:F1} ms, p99 "
                    + $"{samples.Percentile(0.99):F1} ms; {rate:F0} readings/s written by HTTP beside them")),
            new Figure("the same, failed reads", $"{errors}", "0", errors == 0, "every status but 200 counts"),
        ];

        async Task WriteAsync()
        {
            foreach (var (ndjson, readings) in bodies)
            {
                await http.PostAsync(ndjson, readings, cancellationToken);
            }

            watch.Stop();
            await done.CancelAsync();
        }

        async Task<List<double>> ReadAsync(int client)
        {
            var random = new Random(client);
            var millis = new List<double>();
            while (!done.IsCancellationRequested)
            {
                var started = Stopwatch.GetTimestamp();
                try
                {
                    await http.GetAsync(queries[random.Next(queries.Count)], data.Sensor(random), cancellationToken);
                    millis.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                }
                catch (HttpRequestException)
                {
                    Interlocked.Increment(ref errors);
                }
            }

            return millis;
        }
    }

    /// <summary>NDJSON by time, a few hours of all new sensors in each body.</summary>
    private List<(byte[] Ndjson, int Readings)> Bodies()
    {
        const int InstantsPerBody = 200;
        var simulator = DataSet.Simulator();
        var metrics = DataSet.Schema.Metrics.Select(m => m.Name).ToArray();
        var values = new double[metrics.Length];
        var bodies = new List<(byte[], int)>();
        for (var first = 0; first < NewDays * 1440; first += InstantsPerBody)
        {
            var text = new StringBuilder();
            var last = Math.Min(first + InstantsPerBody, NewDays * 1440);
            for (var minute = first; minute < last; minute++)
            {
                var time = data.End - TimeSpan.FromDays(NewDays) + TimeSpan.FromMinutes(minute);
                for (var sensor = plan.Sensors; sensor < plan.Sensors + NewSensors; sensor++)
                {
                    simulator.Draw(sensor, time, SensorSimulator.Cycles(time), values);
                    text.Append(
                        CultureInfo.InvariantCulture,
                        $"{{\"time\":\"{time}\",\"sensor_id\":\"{SensorSimulator.SensorId(sensor)}\"");
                    for (var m = 0; m < metrics.Length; m++)
                    {
                        text.Append(CultureInfo.InvariantCulture, $",\"{metrics[m]}\":{values[m]}");
                    }

                    text.Append("}\n");
                }
            }

            bodies.Add((Encoding.UTF8.GetBytes(text.ToString()), (last - first) * NewSensors));
        }

        return bodies;
    }
}
