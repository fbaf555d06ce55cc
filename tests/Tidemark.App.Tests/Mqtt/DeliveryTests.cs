using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Deploy;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>
/// Messages with QoS 1 that carry their times, by npm's client: every one that is acknowledged is there, once, whatever is killed.
/// </summary>
public sealed partial class DeliveryTests : IDisposable
{
    private static readonly int Messages = TestLength.Of(3_000, 10_000, 50_000);
    private static readonly int ServerKills = TestLength.Of(1, 4, 20);
    private static readonly int BrokerStops = TestLength.Of(1, 2, 5);

    private readonly CliFolder _folder = new();
    private readonly Random _random = new(20261129);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task To_the_server_as_broker_which_is_killed()
    {
        TestLength.SkipUnlessShare();
        var port = Mosquitto.FreePort();
        string[] serve = ["serve", "--urls", "http://127.0.0.1:0", "--mqtt", $"mqtt://127.0.0.1:{port}"];
        var server = _folder.Start(serve);
        await server.UrlAsync();
        using var publisher = Publish(port);
        for (var kill = 1; kill <= ServerKills; kill++)
        {
            await AcknowledgedAsync(publisher, Messages * kill / (ServerKills + 2));
            await KillAsync(server);
            server = _folder.Start(serve);
            await server.UrlAsync();
        }

        await CheckAsync(publisher, server);
    }

    [Fact]
    public async Task To_a_broker_that_the_server_subscribes_to_both_of_which_end()
    {
        using var broker = await Mosquitto.StartAsync();
        _folder.Write("tidemark.json", $$"""{ "mqtt": { "brokers": [{ "address": "{{broker.Address}}" }] } }""");
        string[] serve = ["serve", "--urls", "http://127.0.0.1:0"];
        var server = _folder.Start(serve);
        await server.WaitForAsync(Connected());
        using var publisher = Publish(broker.Port);
        for (var kill = 1; kill <= ServerKills; kill++)
        {
            await AcknowledgedAsync(publisher, Messages * kill / (ServerKills + 2));
            if (kill % (ServerKills / BrokerStops) == 0)
            {
                await broker.StopAsync();
                await broker.StartAgainAsync();
            }

            await KillAsync(server);
            server = _folder.Start(serve);
            await server.WaitForAsync(Connected());
        }

        await CheckAsync(publisher, server);
    }

    private static CliProcess Publish(int port)
    {
        var script = Path.Combine(Repository.Root, "tests", "Tidemark.App.Tests", "Mqtt", "publish.mjs");
        var package = Path.Combine(Repository.Root, "tests", "Tidemark.App.Tests", "node_modules", "mqtt");
        Tool.Require(Tool.Find("node") is not null && Directory.Exists(package), "node with the package mqtt");
        return Tool.Start("node", [script, $"{port}", "sensors/a", $"{Messages}"]);
    }

    private static Task AcknowledgedAsync(CliProcess publisher, int number)
        => publisher.WaitForAsync(new Regex($"(^|\n){number}\n", RegexOptions.None));

    /// <summary>At any time, not only when it waits.</summary>
    private async Task KillAsync(CliProcess server)
    {
        await Task.Delay(_random.Next(100));
        using var process = Process.GetProcessById(server.Id);
        process.Kill();
        await server.EndAsync();
    }

    /// <summary>All messages are acknowledged in the end, so that each of them has to be there.</summary>
    private async Task CheckAsync(CliProcess publisher, CliProcess server)
    {
        var published = await publisher.EndAsync();
        Assert.Equal((0, ""), (published.ExitCode, published.Error));
        Assert.Equal(
            Enumerable.Range(0, Messages), published.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).Order());

        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        var watch = Stopwatch.StartNew();
        while ((await RowsAsync(http)).Count < Messages)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(1), $"{(await RowsAsync(http)).Count} of {Messages} readings are there");
            await Task.Delay(100);
        }

        var rows = await RowsAsync(http);
        Assert.Equal(Messages, rows.Count);
        Assert.Equal(Messages, rows.Select(r => r.GetProperty("time").GetString()).Distinct().Count());
        Assert.All(rows.Index(), row => Assert.Equal(row.Index % 100, row.Item.GetProperty("temperature").GetDouble()));
    }

    private static async Task<IReadOnlyList<JsonElement>> RowsAsync(HttpClient http)
    {
        using var answer = await http.GetAsync("/api/sensors/a/raw?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z");
        using var document = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync());
        return answer.IsSuccessStatusCode ? [.. document.RootElement.GetProperty("data").Clone().EnumerateArray()] : [];
    }

    [GeneratedRegex("connected to mqtt")]
    private static partial Regex Connected();
}
