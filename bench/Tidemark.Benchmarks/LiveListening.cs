using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Tidemark.Benchmarks;

/// <summary>What a thousand clients of <c>/api/live</c> cost those who write, and how soon a reading comes to them.</summary>
internal sealed class LiveListening(string folder, Report report)
{
    public const string Workload = "1,000 sensors; four connections write one reading of 3 metrics of each in a body, 20 bodies a second "
        + "or as fast as answers come, and each of 1,000 clients on the same machine listens to one sensor.";

    private const int Sensors = 1_000;
    private const int Writers = 4;
    private const int Rounds = 3;
    private const double Bound = 0.9;
    private const double MostProcessors = 10;
    private const double LongestDelay = 200;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);
    private static readonly Dictionary<string, string> NoRefresh = new() { ["TIDEMARK_SCHEDULE__REFRESH"] = "never" };

    private readonly long _begin = DateTimeOffset.UtcNow.AddDays(-3).ToUnixTimeMilliseconds();
    private List<double> _delays = [];
    private ConcurrentBag<double> _waits = [];
    private long _written;
    private long _heard;
    private int _body;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var (without, with) = await CompareAsync("20,000 readings a second", Period, cancellationToken);
        report.Add(
            Figure.Free("20,000 readings a second, nobody listening: a write", Median(without, r => r.Wait), "ms", Beside(without)),
            Figure.Free("20,000 readings a second, 1,000 clients: a write", Median(with, r => r.Wait), "ms", Beside(with)),
            Figure.Below(
                "of the machine's processors the server needs for the clients",
                (Median(with, r => r.Processors) - Median(without, r => r.Processors)) * 100 / Environment.ProcessorCount,
                MostProcessors,
                "%",
                $"{Environment.ProcessorCount} processors"));
        AddDelays();

        (without, with) = await CompareAsync("as fast as answers come", null, cancellationToken);
        report.Add(
            Figure.Free("as fast as answers come, nobody listening", Median(without, r => r.PerSecond), "readings/s", Beside(without)),
            Figure.Free("as fast as answers come, 1,000 clients", Median(with, r => r.PerSecond), "readings/s", Beside(with)),
            Figure.AtLeast(
                "the second of the first",
                Median(with, r => r.PerSecond) / Median(without, r => r.PerSecond),
                Bound,
                "×",
                "clients, writers and server on the same processors"));
        AddDelays();
    }

    private void AddDelays()
    {
        var delays = new Samples(_delays);
        report.Add(
            Figure.Free("delay under that load, median", delays.Median, "ms", "from the write's answer to the reading's arrival"),
            Figure.Below("delay under that load, p99", delays.Percentile(0.99), LongestDelay, "ms", $"{_delays.Count} readings"));
    }

    private static double Median(List<Round> rounds, Func<Round, double> of) => new Samples(rounds.Select(of)).Median;

    private static string Beside(List<Round> rounds) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Median(rounds, r => r.PerSecond):F0} readings/s written and {Median(rounds, r => r.Heard):F0} heard; the server used "
            + $"{Median(rounds, r => r.Processors):F2} processors, "
            + $"{Median(rounds, r => r.Processors * 1e6 / r.PerSecond):F1} µs a reading; medians of {Rounds} rounds");

    private async Task<(List<Round> Without, List<Round> With)> CompareAsync(
        string load, TimeSpan? period, CancellationToken cancellationToken)
    {
        var (without, with) = (new List<Round>(), new List<Round>());
        _delays = [];
        for (var round = 0; round < Rounds; round++)
        {
            Report.Note($"live, {load}: round {round + 1} of {Rounds}");
            without.Add(await MeasureAsync(period, listeners: 0, cancellationToken));
            with.Add(await MeasureAsync(period, Sensors, cancellationToken));
        }

        return (without, with);
    }

    private async Task<Round> MeasureAsync(TimeSpan? period, int listeners, CancellationToken cancellationToken)
    {
        var store = $"duckdb:{Path.Combine(folder, Guid.NewGuid().ToString())}";
        await using var server = await TidemarkProcess.ServeAsync(store, NoRefresh, cancellationToken);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var tasks = Enumerable.Range(0, Writers).Select(number => WriteAsync(server.Url, number, period, end.Token)).ToList();
        tasks.AddRange(Enumerable.Range(0, listeners).Select(i => HearAsync(server.Url, $"s{i}", end.Token)));
        if (listeners > 0)
        {
            tasks.Add(ProbeAsync(server.Url, end.Token));
        }

        await Task.Delay(WarmUp, cancellationToken);
        var (written, heard, processor, watch)
            = (Interlocked.Read(ref _written), Interlocked.Read(ref _heard), server.ProcessorTime, Stopwatch.StartNew());
        _waits = [];
        await Task.Delay(Length, cancellationToken);
        var seconds = watch.Elapsed.TotalSeconds;
        var result = new Round(
            (Interlocked.Read(ref _written) - written) / seconds,
            new Samples(_waits).Median,
            (Interlocked.Read(ref _heard) - heard) / seconds,
            (server.ProcessorTime - processor).TotalSeconds / seconds);
        await end.CancelAsync();
        await Task.WhenAll(tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return tasks.FirstOrDefault(t => t.IsFaulted) is { } failed
            ? throw new InvalidOperationException($"a client failed: {failed.Exception!.InnerException!.Message}")
            : result;
    }

    private async Task WriteAsync(Uri url, int number, TimeSpan? period, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = url };
        var body = new StringBuilder();
        var begin = Stopwatch.GetTimestamp();
        for (var turn = 0; !cancellationToken.IsCancellationRequested; turn++)
        {
            var due = (turn + ((double)number / Writers)) * (period ?? TimeSpan.Zero);
            if (due - Stopwatch.GetElapsedTime(begin) is { Ticks: > 0 } early)
            {
                await Task.Delay(early, cancellationToken);
            }

            const string Rest = "\"humidity\":40.25,\"pressure\":1013.2}\n";
            var time = _begin + (Interlocked.Increment(ref _body) * 1000L);
            body.Clear();
            for (var sensor = 0; sensor < Sensors; sensor++)
            {
                body.Append(
                    CultureInfo.InvariantCulture,
                    $"{{\"sensor_id\":\"s{sensor}\",\"time\":{time},\"temperature\":{time % 300 / 10.0},{Rest}");
            }

            var sent = Stopwatch.GetTimestamp();
            await PostAsync(client, body.ToString(), cancellationToken);
            _waits.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            Interlocked.Add(ref _written, Sensors);
        }
    }

    private static async Task PostAsync(HttpClient client, string lines, CancellationToken cancellationToken)
    {
        using var content = new StringContent(lines, Encoding.UTF8);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        using var answer = await client.PostAsync("/api/readings", content, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Does nothing but count, so that it takes little of the processors that the server needs.</summary>
    private async Task HearAsync(Uri url, string sensor, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, url.Port, cancellationToken);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /api/live?sensors={sensor} HTTP/1.0\r\n\r\n"), cancellationToken);
        var buffer = new byte[16 << 10];
        while (await socket.ReceiveAsync(buffer, cancellationToken) is var read and > 0)
        {
            Interlocked.Add(ref _heard, buffer.AsSpan(0, read).Count("event: reading"u8));
        }
    }

    /// <summary>Writes a reading now and then and waits for it.</summary>
    private async Task ProbeAsync(Uri url, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = url };
        using var answer = await client.GetAsync(
            "/api/live?sensors=probe", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var parser = SseParser.Create(await answer.Content.ReadAsStreamAsync(cancellationToken));
        // Not disposed: at the end it waits for an event, and the answer's end is its own.
        var events = parser.EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        for (var number = 0; !cancellationToken.IsCancellationRequested; number++)
        {
            var next = ArrivalAsync(events, number);
            await PostAsync(client, $"{{\"sensor_id\":\"probe\",\"time\":{_begin + number},\"number\":{number}}}\n", cancellationToken);
            var answered = Stopwatch.GetTimestamp();
            _delays.Add(Math.Max(0, Stopwatch.GetElapsedTime(answered, await next).TotalMilliseconds));
            await Task.Delay(Pause, cancellationToken);
        }
    }

    private static async Task<long> ArrivalAsync(IAsyncEnumerator<SseItem<string>> events, int number)
    {
        while (await events.MoveNextAsync())
        {
            using var reading = JsonDocument.Parse(events.Current.Data);
            if (reading.RootElement.GetProperty("number").GetInt32() == number)
            {
                return Stopwatch.GetTimestamp();
            }
        }

        throw new InvalidOperationException("the server ended a stream");
    }

    /// <param name="PerSecond">Readings written in a second.</param>
    /// <param name="Wait">The median of a write, in milliseconds.</param>
    /// <param name="Heard">Readings that came to clients in a second.</param>
    /// <param name="Processors">That the server used.</param>
    private readonly record struct Round(double PerSecond, double Wait, double Heard, double Processors);
}
