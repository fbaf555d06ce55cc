using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Fuzz;
using Tidemark.App.Tests.Mqtt;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Devices;

/// <summary>What docs/devices.md says for programs that send what they measure or know.</summary>
public sealed partial class AgentTests
{
    /// <summary>
    /// What Telegraf's output influxdb_v2 sends with these settings, after its source (plugins/outputs/influxdb_v2/http.go); it is not to
    /// be had here.
    /// </summary>
    [Fact]
    public async Task Telegraf_writes()
    {
        using var server = await DeviceServer.StartAsync(DevicesPage.Block("Telegraf", "json"));
        var settings = Setting().Matches(server.Fill(DevicesPage.Block("Telegraf", "toml")))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Assert.Equal("$TIDEMARK_" + server.Key, settings["token"]);
        using var http = new HttpClient();
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var lines = $"cpu,cpu=cpu0,host=pi3 usage_idle=97.5 {now}000000000\ncpu,cpu=cpu1,host=pi3 usage_idle=95 {now}000000000\n"
            + $"mem,host=pi3 free=1024i {now}000000000\n";
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync("wrong"));
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync(server.Key));
        Assert.Equal(97.5, (await server.ReadingAsync("pi3/cpu0"))["cpu_usage_idle"]!.GetValue<double>());
        Assert.Equal(95, (await server.ReadingAsync("pi3/cpu1"))["cpu_usage_idle"]!.GetValue<double>());
        Assert.Equal(1024, (await server.ReadingAsync("pi3"))["mem_free"]!.GetValue<double>());

        async Task<HttpStatusCode> PostAsync(string token)
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Post, $"{settings["urls"]}/api/v2/write?bucket={settings["bucket"]}&org={settings["organization"]}")
            {
                Content = new ByteArrayContent(Packed.Gzip(Encoding.UTF8.GetBytes(lines))),
            };
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse("text/plain; charset=utf-8");
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");
            request.Headers.TryAddWithoutValidation("Authorization", $"Token {token}");
            request.Headers.TryAddWithoutValidation("User-Agent", "Telegraf/1.36.0 Go/1.25.0");
            using var answer = await http.SendAsync(request);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task A_flow_of_Node_RED_publishes()
    {
        TestLength.SkipUnlessShare();
        var program = Repository.PathOf("tests/Tidemark.App.Tests/node_modules/node-red/red.js");
        Tool.Require(Tool.Find("node") is not null && File.Exists(program), "node with the package node-red");
        using var server = await DeviceServer.StartAsync();
        server.Folder.Write("settings.js", "module.exports = { uiHost: '127.0.0.1', telemetry: { enabled: false } };");
        var port = Mosquitto.FreePort();
        var settings = Path.Combine(server.Folder.Path, "settings.js");
        using var nodeRed = Tool.Start(
            "node", [program, "--userDir", server.Folder.Path, "--settings", settings, "--port", $"{port}"]);
        await nodeRed.WaitForAsync(StartedFlows());

        // What the editor does with an imported flow when it is deployed.
        using var http = new HttpClient();
        var text = server.Fill(DevicesPage.Block("Node-RED", "json"));
        // Node-RED drops what comes before it is connected, and nobody waits here for the next minute.
        Assert.Contains("\"repeat\": \"60\"", text, StringComparison.Ordinal);
        text = text.Replace("\"repeat\": \"60\"", "\"repeat\": \"1\"", StringComparison.Ordinal);
        using var flow = new StringContent(text, Encoding.UTF8, "application/json");
        flow.Headers.Add("Node-RED-Deployment-Type", "full");
        using var deployed = await http.PostAsync($"http://127.0.0.1:{port}/flows", flow);
        Assert.True(deployed.IsSuccessStatusCode, await deployed.Content.ReadAsStringAsync());
        var reading = await server.ReadingAsync("greenhouse", "temperature");
        Assert.Equal((21.5, 0), (reading["temperature"]!.GetValue<double>(), reading["window_open"]!.GetValue<double>()));
        // Its own time, in whole milliseconds.
        var time = DateTimeOffset.Parse(reading["time"]!.GetValue<string>(), CultureInfo.InvariantCulture);
        Assert.Equal(0, time.Ticks % TimeSpan.TicksPerMillisecond);
    }

    [Fact]
    public async Task A_script_for_cron_writes()
    {
        Tool.Require(Tool.Find("curl") is not null, "curl");
        using var server = await DeviceServer.StartAsync();
        var (script, key) = (Path.Combine(server.Folder.Path, "tidemark-load"), Path.Combine(server.Folder.Path, "key"));
        await File.WriteAllTextAsync(key, server.Key);
        var text = server.Fill(DevicesPage.Block("cron and curl", "sh")).Replace("/etc/tidemark-key", key, StringComparison.Ordinal);
        await File.WriteAllTextAsync(script, text);
        Assert.Equal(0, (await Tool.RunAsync("chmod", "+x", script)).ExitCode);
        var line = DevicesPage.Block("cron and curl", "crontab").Trim();
        Assert.StartsWith("*/5 * * * * /usr/local/bin/", line);

        // As cron runs it: with a shell, in a small environment, and without a terminal.
        var command = line["*/5 * * * * ".Length..].Replace("/usr/local/bin/", server.Folder.Path + "/", StringComparison.Ordinal);
        var run = await Tool.RunAsync("env", "-i", "PATH=/usr/bin:/bin", "HOME=/root", "LOGNAME=root", "/bin/sh", "-c", command);
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        var reading = await server.ReadingAsync(Dns.GetHostName(), "machine_load", "machine_disk_free");
        Assert.InRange(reading["machine_disk_free"]!.GetValue<double>(), 1, 1e18);
        Assert.InRange(reading["machine_load"]!.GetValue<double>(), 0, 1e6);
    }

    [GeneratedRegex("""^ *(\w+) = \[?"([^"]+)"\]?$""", RegexOptions.Multiline)]
    private static partial Regex Setting();

    [GeneratedRegex("Started flows")]
    private static partial Regex StartedFlows();
}
