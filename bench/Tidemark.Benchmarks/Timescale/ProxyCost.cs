using System.Globalization;
using Tidemark.Server.Keys;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// What the key check and the proxy take from the throughput of a sensor's week of hours. The same server process is asked in turns
/// directly without a
/// key, directly with one, and through Caddy with one; each round gives a ratio of its own, so that what else the machine does cancels.
/// </summary>
internal static class ProxyCost
{
    private const int Rounds = 30;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(1.5);

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(
        BenchDatabase database,
        DataSet data,
        string folder,
        CancellationToken cancellationToken)
    {
        var file = Path.Combine(folder, "keys.json");
        var environment = new Dictionary<string, string>(database.Environment)
        {
            ["TIDEMARK_SERVER__KEYS"] = file,
            ["TIDEMARK_SERVER__TRUSTED_PROXIES"] = "127.0.0.1/32"
        };
        await using var server = await TidemarkProcess.ServeAsync(database.StoreUri, environment, cancellationToken);
        await using var caddy = await CaddyProcess.StartAsync(server.Url, folder, cancellationToken);
        var key = new KeyFile(file).Add("benchmark", [Scope.Read], Instant.From(DateTimeOffset.UtcNow));
        var keys = await File.ReadAllBytesAsync(file, cancellationToken);
        using var open = new HttpLayer(server.Url);
        using var guarded = new HttpLayer(server.Url, key);
        using var proxied = new HttpLayer(caddy.Url, key);
        using var packed = new HttpLayer(server.Url, compressed: true);
        using var proxiedPacked = new HttpLayer(caddy.Url, key, compressed: true);

        // Without the file the server, which started without keys, asks for none.
        (HttpLayer Layer, bool Guarded)[] ways = [(open, false), (guarded, true), (proxied, true), (packed, false), (proxiedPacked, true)];
        var rates = new double[ways.Length, Rounds];
        var (served, serverMicros, proxyMicros) = (new double[ways.Length], new double[ways.Length], new double[ways.Length]);
        for (var round = -1; round < Rounds; round++)
        {
            Report.Note(round < 0 ? "proxy: warm-up" : $"proxy: round {round + 1} of {Rounds}");
            for (var turn = 0; turn < ways.Length; turn++)
            {
                var way = (turn + round + 1) % ways.Length;
                if (ways[way].Guarded)
                {
                    await File.WriteAllBytesAsync(file, keys, cancellationToken);
                }
                else
                {
                    File.Delete(file);
                }

                var before = (server.ProcessorTime, caddy.ProcessorTime);
                var rate = await Throughput.HttpAsync(ways[way].Layer, data, round < 0 ? WarmUp : Span, cancellationToken);
                if (round >= 0)
                {
                    rates[way, round] = rate;
                    served[way] += rate * Span.TotalSeconds;
                    serverMicros[way] += (server.ProcessorTime - before.Item1).TotalMicroseconds;
                    proxyMicros[way] += (caddy.ProcessorTime - before.Item2).TotalMicroseconds;
                }
            }
        }

        var of = Enumerable.Range(0, ways.Length).Select(way => new Samples(Enumerable.Range(0, Rounds).Select(round => rates[way, round])))
            .ToArray();
        Samples Ratio(int way, int to = 0) => new(Enumerable.Range(0, Rounds).Select(round => rates[way, round] / rates[to, round]));
        string Beside(int way, int to) =>
            $"{of[way].Median:F0} against {of[to].Median:F0} requests/s; {serverMicros[way] / served[way]:F0} against "
                + $"{serverMicros[to] / served[to]:F0} µs of a processor a request in the server, {proxyMicros[way] / served[way]:F0} µs "
                + "in the proxy";
        return
        [
            Of(
                "week of hours with a key against without", Ratio(1),
                $"{of[1].Median:F0} against {of[0].Median:F0} requests/s; {serverMicros[1] / served[1]:F0} against "
                    + $"{serverMicros[0] / served[0]:F0} µs of a processor a request in the server"),
            Of("week of hours through Caddy with TLS and a key against directly without", Ratio(2), Beside(2, 0)),
            Figure.Free("the same, both compressed as browsers ask", Ratio(4, 3).Median, "", Text(Ratio(4, 3), Beside(4, 3))),
        ];
    }

    private static Figure Of(string name, Samples ratio, string beside)
        => Figure.AtLeast(name, ratio.Median, 0.9, "", Text(ratio, beside));

    private static string Text(Samples ratio, string beside)
        => string.Create(
            CultureInfo.InvariantCulture,
            $"median of {Rounds} rounds, {ratio.Percentile(0):F2} to {ratio.Max:F2}; {beside}");
}
