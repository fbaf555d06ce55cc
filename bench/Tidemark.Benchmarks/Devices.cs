using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Tidemark.Benchmarks;

/// <summary>
/// What devices write over HTTP: large bodies over one connection, beside Debian's victoria-metrics with the same bodies, and a
/// thousand clients that write one reading each at a time.
/// </summary>
internal sealed class Devices(string folder, Report report)
{
    public const string Workload = "432,010 readings of 3 metrics of 10 sensors, one a minute for 30 days, in bodies of 10,000 over one "
        + "kept connection, twice with sensors of other names: to a server and a store that are new, and then again. Five rounds.";

    public static readonly string[] Workloads = ["bodies", "clients"];

    private const int Readings = 432_010;
    private const int Sensors = 10;
    private const int BodySize = 10_000;
    private const int Rounds = 5;
    private const int Clients = 1_000;
    private const int RatePerSecond = 5_000;

    // What comes in while a refresh runs is counted by the next one only.
    private static readonly Dictionary<string, string> NoRefresh = new() { ["TIDEMARK_SCHEDULE__REFRESH"] = "never" };

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(20);

    private readonly Instant _end = new(Instant.From(DateTimeOffset.UtcNow).Micros / 60_000_000 * 60_000_000);

    /// <param name="only">Some of the workloads; none are all.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task RunAsync(IReadOnlyCollection<string> only, CancellationToken cancellationToken)
    {
        if (only.Count == 0 || only.Contains("bodies"))
        {
            await BodiesAsync(cancellationToken);
        }

        if (only.Count == 0 || only.Contains("clients"))
        {
            await ClientsAsync(cancellationToken);
        }
    }

    private async Task BodiesAsync(CancellationToken cancellationToken)
    {
        var lines = new Load("/write", "text/plain", Bodies("sensor", Line), Bodies("other", Line));
        var ndjson = new Load("/api/readings", "application/x-ndjson", Bodies("sensor", Json), Bodies("other", Json));
        var (ofLines, ofNdjson, ofOther) = (new List<Times>(), new List<Times>(), new List<Times>());
        var other = VictoriaMetrics.Find();
        for (var round = 0; round < Rounds; round++)
        {
            Report.Note($"devices: round {round + 1} of {Rounds}");
            ofLines.Add(await TidemarkAsync($"lines-{round}", lines, cancellationToken));
            ofNdjson.Add(await TidemarkAsync($"ndjson-{round}", ndjson, cancellationToken));
            if (other is not null)
            {
                await using var process = await VictoriaMetrics.StartAsync(other, Path.Combine(folder, $"vm-{round}"), cancellationToken);
                ofOther.Add(await PostAsync(process.Url, lines, cancellationToken));
            }
        }

        Add("a server that has just started", times => times.New);
        Add("a server that has run for a while", times => times.Again);

        void Add(string what, Func<Times, double> of)
        {
            var (own, json) = (new Samples(ofLines.Select(of)), new Samples(ofNdjson.Select(of)));
            if (other is null)
            {
                report.Add(Figure.Free($"line protocol, {what}", own.Median, "s", Range(own)));
                report.Add(Figure.Free($"NDJSON, {what}", json.Median, "s", Range(json)));
                return;
            }

            var foreign = new Samples(ofOther.Select(of));
            var bound = Math.Round(foreign.Median, 2);
            report.Add(
                Figure.Free(
                    $"victoria-metrics, line protocol, {what}",
                    foreign.Median,
                    "s",
                    $"{Range(foreign)}; acknowledged before it is on disk"),
                Figure.Below($"line protocol, {what}", own.Median, bound, "s", $"{Range(own)}; acknowledged when durable"),
                Figure.Below($"NDJSON, {what}", json.Median, Math.Round(1.3 * bound, 2), "s", Range(json)));
        }
    }

    private async Task<Times> TidemarkAsync(string name, Load load, CancellationToken cancellationToken)
    {
        await using var server = await TidemarkProcess.ServeAsync($"duckdb:{Path.Combine(folder, name)}", NoRefresh, cancellationToken);
        var times = await PostAsync(server.Url, load, cancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };
        using var json = JsonDocument.Parse(await client.GetByteArrayAsync("/api/sensors", cancellationToken));
        var there = json.RootElement.GetProperty("sensors").EnumerateArray().Sum(s => s.GetProperty("total_readings").GetInt64());
        return there == 2 * Readings ? times : throw new InvalidOperationException($"{name}: {there} of {2 * Readings} readings are there");
    }

    private static async Task<Times> PostAsync(Uri url, Load load, CancellationToken cancellationToken)
        => new(await PostAsync(url, load, load.Bodies, cancellationToken), await PostAsync(url, load, load.Others, cancellationToken));

    /// <returns>Seconds from the first body's first byte to the last one's answer.</returns>
    private static async Task<double> PostAsync(
        Uri url, Load load, IReadOnlyList<byte[]> bodies, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = url };
        var watch = Stopwatch.StartNew();
        foreach (var body in bodies)
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(load.Type) } };
            using var answer = await client.PostAsync(load.Path, content, cancellationToken);
            answer.EnsureSuccessStatusCode();
        }

        return watch.Elapsed.TotalSeconds;
    }

    /// <summary>Each client has a connection of its own and its turn every 200 ms, whether its last answer was early or late.</summary>
    private async Task ClientsAsync(CancellationToken cancellationToken)
    {
        Report.Note("devices: clients");
        await using var server = await TidemarkProcess.ServeAsync($"duckdb:{Path.Combine(folder, "clients")}", null, cancellationToken);
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = Clients }) { BaseAddress = server.Url };
        await CrowdAsync(client, TimeSpan.FromSeconds(5), cancellationToken);
        var watch = Stopwatch.StartNew();
        var waits = new Samples(await CrowdAsync(client, Duration, cancellationToken));
        var rate = (waits.Count / watch.Elapsed.TotalSeconds).ToString("F0", CultureInfo.InvariantCulture);
        report.Add(Figure.Below(
            "1,000 clients, one reading a write: slowest acknowledgement",
            waits.Max,
            100,
            "ms",
            $"{rate} writes/s, median {Figure.Millis(waits.Median)}, p99 {Figure.Millis(waits.Percentile(0.99))}"));
    }

    /// <returns>How long each acknowledgement took after the write was due.</returns>
    private static async Task<IEnumerable<double>> CrowdAsync(HttpClient client, TimeSpan duration, CancellationToken cancellationToken)
    {
        var period = TimeSpan.FromSeconds((double)Clients / RatePerSecond);
        var begin = Stopwatch.GetTimestamp();
        var waits = await Task.WhenAll(Enumerable.Range(0, Clients).Select(number => Task.Run(
            async () =>
            {
                var own = new List<double>();
                for (var due = period * number / Clients; due < duration; due += period)
                {
                    if (due - Stopwatch.GetElapsedTime(begin) is { Ticks: > 0 } early)
                    {
                        await Task.Delay(early, cancellationToken);
                    }

                    using var content = new StringContent(
                        $"sensor_data,sensor_id=device_{number} temperature=21.5,humidity=40.25,pressure=1013.2");
                    var sent = Stopwatch.GetTimestamp();
                    using var answer = await client.PostAsync("/write", content, cancellationToken);
                    answer.EnsureSuccessStatusCode();
                    own.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
                }

                return own;
            },
            cancellationToken)));
        return waits.SelectMany(own => own);
    }

    private static string Range(Samples samples)
        => string.Create(
            CultureInfo.InvariantCulture,
            $"median of {samples.Count}, {samples.Percentile(0):F2} to {samples.Max:F2}, "
                + $"{Readings / samples.Median / 1e3:F0} k readings/s");

    private List<byte[]> Bodies(string prefix, Func<string, Instant, double[], string> form)
    {
        var simulator = DataSet.Simulator();
        var values = new double[3];
        return
        [
            .. Enumerable.Range(0, Readings).Chunk(BodySize).Select(rows =>
            {
                var text = new StringBuilder();
                foreach (var row in rows)
                {
                    var time = _end - TimeSpan.FromMinutes((Readings - 1 - row) / Sensors);
                    simulator.Draw(row % Sensors, time, Generation.SensorSimulator.Cycles(time), values);
                    text.Append(form($"{prefix}_{row % Sensors:000}", time, values)).Append('\n');
                }

                return Encoding.UTF8.GetBytes(text.ToString());
            }),
        ];
    }

    private static string Line(string sensor, Instant time, double[] values) => string.Create(
        CultureInfo.InvariantCulture,
        $"sensor_data,sensor_id={sensor} temperature={values[0]},humidity={values[1]},pressure={values[2]} {time.Micros}000");

    private static string Json(string sensor, Instant time, double[] values) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"time":"{{time}}","sensor_id":"{{sensor}}","temperature":{{values[0]}},"humidity":{{values[1]}},"pressure":{{values[2]}}}""");

    /// <param name="Path">Where bodies are posted.</param>
    /// <param name="Type">Of the bodies.</param>
    /// <param name="Bodies">The first time.</param>
    /// <param name="Others">The second time: as many, of other sensors.</param>
    private sealed record Load(string Path, string Type, IReadOnlyList<byte[]> Bodies, IReadOnlyList<byte[]> Others);

    /// <param name="New">Seconds that the first bodies took.</param>
    /// <param name="Again">Those that the others took.</param>
    private readonly record struct Times(double New, double Again);
}
