using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;

namespace Tidemark.Benchmarks.Peers;

/// <summary>
/// The embedded engine beside VictoriaMetrics: the same readings through HTTP, the same questions, disk and memory, as ratios of one run.
/// </summary>
internal sealed class PeerComparison(string folder, Report report, string other, string wrk)
{
    private const int WarmUp = 200;
    private const int Count = 500;
    private const int PathsOfRate = 200;

    // What is measured is written and put in order when the run says so.
    private static readonly Dictionary<string, string> NoSchedule = new()
    {
        ["TIDEMARK_SCHEDULE__REFRESH"] = "never",
        ["TIDEMARK_SCHEDULE__MAINTAIN"] = "never",
    };

    public static string Workload => $"{string.Join(". ", PeerSet.All.Select(set => set.Text))}. Three metrics of two decimals, bodies of "
        + $"10,000 readings of line protocol over one kept connection. Medians of {Count} requests for random sensors over one kept "
        + "connection; requests a second with eight (`wrk`). Ratios are Tidemark's figure to that of VictoriaMetrics.";

    public async Task RunAsync(IReadOnlyList<PeerSet> sets, CancellationToken cancellationToken)
    {
        foreach (var set in sets)
        {
            await RunAsync(set, cancellationToken);
        }
    }

    private async Task RunAsync(PeerSet set, CancellationToken cancellationToken)
    {
        Report.Note($"peers: {set.Text}");
        var store = $"duckdb:{Path.Combine(folder, set.Name)}";
        var bodies = set.Bodies();
        await using var peer = await VictoriaMetrics.StartAsync(other, Path.Combine(folder, $"{set.Name}-other"), cancellationToken);
        var theirs = await LoadAsync(peer.Url, bodies, cancellationToken);
        await using (var server = await TidemarkProcess.ServeAsync(store, NoSchedule, cancellationToken))
        {
            var ours = await LoadAsync(server.Url, bodies, cancellationToken);
            bodies = [];
            var rates = $"{Rate(set, ours)} against {Rate(set, theirs)} readings/s";
            report.Add(AtMost(set, "load", ours, theirs, "s", set.IsLargest ? null : 1.0, rates));
            await peer.SettleAsync(cancellationToken);
            await TidemarkProcess.RunAsync(store, ["refresh"], null, cancellationToken);
            await AskAsync(set, server, peer, PeerQuestion.RawDay(set.End, "as written"), cancellationToken);
            await TidemarkProcess.RunAsync(store, ["maintain"], null, cancellationToken);
        }

        await RestartAsync(set, store, cancellationToken);
        await using (var server = await TidemarkProcess.ServeAsync(store, NoSchedule, cancellationToken))
        {
            foreach (var question in (PeerQuestion[])
                [
                    .. PeerQuestion.All(set.End),
                    PeerQuestion.RawDay(set.End, "after maintenance"),
                    PeerQuestion.Fleet(set.End),
                ])
            {
                await AskAsync(set, server, peer, question, cancellationToken);
            }

            report.Add(AtMost(
                set, "resident after the questions", Mebi(server.Memory), Mebi(peer.Memory), "MiB", set.IsMiddle ? 1.7 : null, ""));
        }

        var (bytes, otherBytes) = (DataSet.Bytes(Path.Combine(folder, set.Name)), peer.Bytes);
        report.Add(AtMost(
            set,
            "on disk after maintenance, aggregates included",
            bytes / (double)set.Readings,
            otherBytes / (double)set.Readings,
            "bytes a reading",
            set.IsMiddle ? 1.4 : null,
            ""));
    }

    private async Task AskAsync(
        PeerSet set, TidemarkProcess server, VictoriaMetrics peer, PeerQuestion question, CancellationToken cancellationToken)
    {
        Report.Note($"peers: {set.Name}, {question.Name}");
        var (ours, size) = await MedianAsync(server.Url, question.Own, PeerQuestion.Sensors(set), cancellationToken);
        var (theirs, otherSize) = await MedianAsync(peer.Url, question.Other, PeerQuestion.Sensors(set), cancellationToken);
        var rate = await RateAsync(server.Url, question.Own, set, cancellationToken);
        var otherRate = await RateAsync(peer.Url, question.Other, set, cancellationToken);
        report.Add(
            AtMost(
                set,
                $"{question.Name}: median",
                ours.Median,
                theirs.Median,
                "ms",
                question.Median,
                $"p95 {Figure.Millis(ours.Percentile(0.95))} against {Figure.Millis(theirs.Percentile(0.95))}, {size:N0} against "
                    + $"{otherSize:N0} bytes"),
            Figure.AtLeast(
                $"{set.Name}, {question.Name}: requests a second",
                rate / otherRate,
                question.Rate,
                "×",
                $"{rate:F0}/s against {otherRate:F0}/s"));
    }

    private static async Task<(Samples Times, int Bytes)> MedianAsync(
        Uri url, Func<string, string> path, Func<string> sensor, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = url };
        var size = (await client.GetByteArrayAsync(path(sensor()), cancellationToken)).Length;
        return (
            await Samples.MeasureAsync(WarmUp, Count, _ => client.GetByteArrayAsync(path(sensor()), cancellationToken), cancellationToken),
            size);
    }

    private Task<double> RateAsync(Uri url, Func<string, string> path, PeerSet set, CancellationToken cancellationToken)
    {
        var sensor = PeerQuestion.Sensors(set);
        return Wrk.MeasureAsync(wrk, url, [.. Enumerable.Range(0, PathsOfRate).Select(_ => path(sensor()))], cancellationToken);
    }

    /// <summary>From the process's start: the first answer of all, then the first week of hours.</summary>
    private async Task RestartAsync(PeerSet set, string store, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        await using var server = await TidemarkProcess.ServeAsync(store, NoSchedule, cancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };
        await client.GetByteArrayAsync("/api/health", cancellationToken);
        var health = watch.Elapsed.TotalSeconds;
        watch.Restart();
        await client.GetByteArrayAsync($"/api/sensors/{PeerQuestion.Sensors(set)()}/hourly?period=1w", cancellationToken);
        report.Add(
            Figure.Below($"{set.Name}, restart to the first answer", health, 0.5, "s", "from the start of the process"),
            Figure.Below($"{set.Name}, first week of hours after a restart", watch.Elapsed.TotalMilliseconds, 25, "ms", "one request"));
    }

    /// <returns>Seconds from the first body's first byte to the last one's answer.</returns>
    private static async Task<double> LoadAsync(Uri url, IReadOnlyList<byte[]> bodies, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = url };
        var watch = Stopwatch.StartNew();
        foreach (var body in bodies)
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("text/plain") } };
            using var answer = await client.PostAsync("/write", content, cancellationToken);
            answer.EnsureSuccessStatusCode();
        }

        return watch.Elapsed.TotalSeconds;
    }

    private static Figure AtMost(PeerSet set, string name, double ours, double theirs, string unit, double? most, string beside)
    {
        var ratio = ours / theirs;
        var figures = $"{Figure.Text(ours, unit)} against {Figure.Text(theirs, unit)}";
        return new Figure(
            $"{set.Name}, {name}",
            Figure.Text(ratio, "×"),
            most is null ? "" : string.Create(CultureInfo.InvariantCulture, $"at most {most:0.0}×"),
            most is null ? null : ratio <= most,
            beside.Length == 0 ? figures : $"{figures}; {beside}");
    }

    private static string Rate(PeerSet set, double seconds)
        => string.Create(CultureInfo.InvariantCulture, $"{set.Readings / seconds / 1e3:F0} k");

    private static double Mebi(long bytes) => bytes / (double)(1 << 20);
}
