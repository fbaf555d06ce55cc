using System.Diagnostics;
using System.Text.Json;

namespace Tidemark.Benchmarks.Peers;

/// <summary>What a newcomer sees: <c>demo</c>, cold requests, and <c>client</c>'s comparison of raw readings and aggregates.</summary>
internal sealed class DemoClient(string folder, Report report)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Report.Note("peers: demo and client");
        var store = $"duckdb:{Path.Combine(folder, "demo")}";
        await using var server = await TidemarkProcess.ServeAsync(store, null, cancellationToken, "demo");
        using var client = new HttpClient { BaseAddress = server.Url };
        await ColdAsync(client, "/api/health", cancellationToken);
        await ColdAsync(client, "/api/sensors/sensor_001/hourly?period=1w", cancellationToken);
        using var json = JsonDocument.Parse(await TidemarkProcess.RunAsync(
            null, ["client", "--port", $"{server.Url.Port}", "--json"], null, cancellationToken));
        var queries = json.RootElement.GetProperty("queries").EnumerateArray();
        foreach (var (query, most, least) in queries.Zip([1.0, 0.5], [20.0, 35.0]))
        {
            var (raw, aggregate) = (query.GetProperty("raw_ms").GetDouble(), query.GetProperty("aggregate_ms").GetDouble());
            var name = query.GetProperty("name").GetString();
            report.Add(
                Figure.Below($"`client` after `demo`, {name}, from the aggregate", aggregate, most, "ms", "432,010 readings"),
                Figure.AtLeast("the same, raw against aggregate", raw / aggregate, least, "×", $"raw takes {Figure.Millis(raw)}"));
        }
    }

    private async Task ColdAsync(HttpClient client, string path, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        await client.GetByteArrayAsync(path, cancellationToken);
        report.Add(Figure.Free($"first `{path}` right after `demo`", watch.Elapsed.TotalMilliseconds, "ms", "one request"));
    }
}
