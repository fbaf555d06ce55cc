using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Http;
using Tidemark.Server.Keys;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Clients;

/// <summary>Clients that people have already, unchanged.</summary>
public sealed class InfluxClientTests
{
    public static TheoryData<string> Clients { get; }
        =
        [
            "python3-influxdb", "influx", "@influxdata/influxdb-client", "InfluxDB.Client", "InfluxDB3.Client",
            "InfluxDB3.Client over version 2",
        ];

    [Theory, MemberData(nameof(Clients))]
    public async Task Values_are_read_back_to_the_last_bit(string name)
    {
        var client = InfluxClient.Of(name);
        await client.RequireAsync();
        await using var server = await RunningServer.StartAsync();
        await client.RunAsync(server.Address, "none", "exact", _ => { });
        var path = $"/api/sensors/{Uri.EscapeDataString(InfluxClient.ExactSensor)}/raw?from=2023-11-14T22:13:20Z&to=2023-11-14T22:13:25Z";
        var values = (await server.GetAsync(path))["data"]!.AsArray().Select(row => row!["m"]!.GetValue<double>());
        Assert.Equal(InfluxClient.ExactValues.Select(BitConverter.DoubleToInt64Bits), values.Select(BitConverter.DoubleToInt64Bits));
    }

    [Theory, MemberData(nameof(Clients))]
    public async Task Refusals_come_through_to_the_user(string name)
    {
        var client = InfluxClient.Of(name);
        await client.RequireAsync();
        using var folder = new CliFolder();
        var file = Path.Combine(folder.Path, "keys.json");
        var key = new KeyFile(file).Add("gateway", [Scope.Write, Scope.Read], Instant.Utc(2026, 11, 1));
        await using var server = await RunningServer.StartAsync(("server:keys", file));
        server.Client.DefaultRequestHeaders.Authorization = new("Bearer", key);

        var wrong = new List<string>();
        await client.RunAsync(server.Address, "tmk_nobody", "refused", wrong.Add);
        Assert.Contains(wrong, line => line.StartsWith("refused 401", StringComparison.Ordinal) && line.Contains("the key is not valid"));
        Assert.Equal(0, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());

        var partial = new List<string>();
        await client.RunAsync(server.Address, key, "refused", partial.Add);
        var said = string.Join('\n', partial);
        var status = name is "@influxdata/influxdb-client" or "InfluxDB.Client" or "InfluxDB3.Client over version 2" ? 422 : 400;
        Assert.Contains($"refused {status}", said);
        Assert.Contains("line 2: time 2200-01-01T00:00:00Z is more than", said);
        Assert.Equal(["a"], (await server.GetAsync("/api/sensors"))["sensors"]!.AsArray().Select(s => s!["sensor_id"]!.GetValue<string>()));
    }

    [Theory, MemberData(nameof(Clients))]
    public async Task A_killed_server_loses_nothing_that_was_acknowledged_and_nothing_is_doubled(string name)
    {
        TestLength.SkipUnlessShare();
        var client = InfluxClient.Of(name);
        await client.RequireAsync();
        using var folder = new CliFolder();
        var server = await folder.ServeAsync();
        var url = new Uri(await server.UrlAsync());
        var (lines, half) = (new ConcurrentQueue<string>(), new TaskCompletionSource());
        var writing = client.RunAsync(url, "none", "many", line =>
        {
            lines.Enqueue(line);
            _ = line == "batch 15" && half.TrySetResult();
        });
        await await Task.WhenAny(half.Task, writing);
        await server.KillAsync();
        await Task.Delay(300);
        await folder.Start("serve", "--urls", url.ToString()).UrlAsync();
        await writing;

        Assert.Contains(lines, line => line.StartsWith("again", StringComparison.Ordinal));
        using var http = new HttpClient { BaseAddress = url };
        for (var sensor = 0; sensor < InfluxClient.BatchSize; sensor++)
        {
            var raw = await http.GetStringAsync($"/api/sensors/s{sensor}/raw?from=2023-11-14T22:13:20Z&to=2023-11-15T00:00:00Z");
            var rows = JsonNode.Parse(raw)!["data"]!.AsArray();
            Assert.Equal(Enumerable.Range(0, InfluxClient.Batches).Select(i => (double)i), rows.Select(r => r!["m"]!.GetValue<double>()));
        }
    }
}
