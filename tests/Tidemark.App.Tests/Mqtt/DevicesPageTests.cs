using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Devices;
using Tidemark.App.Tests.Http;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>What docs/devices.md says of MQTT is what happens.</summary>
public sealed partial class DevicesPageTests
{
    private static readonly string Page = File.ReadAllText(Repository.PathOf("docs/devices.md"));

    public DevicesPageTests() => Mosquitto.RequireClients();

    [Fact]
    public async Task Its_messages_become_the_readings_beside_them()
    {
        using var folder = new CliFolder();
        folder.Write("tidemark.json", DevicesPage.Block("Topics become readings", "json"));
        await using var server = await RunningServer.StartAsync(
            [("mqtt:listen", "mqtt://127.0.0.1:0"), .. Rules(Path.Combine(folder.Path, "tidemark.json"))]);
        var port = new Uri(TidemarkServer.MqttAddresses(server.App).Single()).Port;
        var rows = Rows();
        Assert.True(rows.Count >= 9, $"{rows.Count} messages");
        foreach (var row in rows)
        {
            Assert.Equal(0, (await Mosquitto.PublishAsync(port, row[0], row[1], "-q", "1")).ExitCode);
            var current = (await server.GetAsync($"/api/sensors/{Uri.EscapeDataString(row[2])}/current")).AsObject();
            var values = current.Where(m => m.Key is not ("time" or "sensor_id") && m.Value is not null)
                .OrderBy(m => m.Key, StringComparer.Ordinal)
                .Select(m => string.Create(CultureInfo.InvariantCulture, $"{m.Key}={m.Value!.GetValue<double>()}"));
            Assert.Equal($"{row[0]} {row[3]}", $"{row[0]} {string.Join(' ', values)}");
        }

        Assert.Empty(TidemarkServer.ReadMqtt(server.App)!.Refused);
    }

    [Fact]
    public async Task Its_commands_write()
    {
        var commands = DevicesPage.Block("The server as broker", "bash").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("tidemark serve --mqtt mqtt://127.0.0.1:1883", commands[0]);
        using var folder = new CliFolder();
        var port = Mosquitto.FreePort();
        var server = folder.Start("serve", "--urls", "http://127.0.0.1:0", "--mqtt", $"mqtt://127.0.0.1:{port}");
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        foreach (var command in commands[1..])
        {
            var result = await Tool.RunAsync("bash", "-c", command.Replace("-p 1883", $"-p {port}", StringComparison.Ordinal));
            Assert.True(result.ExitCode == 0, result.Error);
        }

        var hall = JsonNode.Parse(await http.GetStringAsync("/api/sensors/hall/current"))!;
        Assert.Equal((21.5, 40), (hall["temperature"]!.GetValue<double>(), hall["humidity"]!.GetValue<double>()));
        var boiler = JsonNode.Parse(await http.GetStringAsync("/api/sensors/boiler/current"))!;
        Assert.Equal(54.1, boiler["ds18b20_temperature"]!.GetValue<double>());
        var status = await folder.SucceedAsync("status");
        Assert.Contains("MQTT: 2 messages since the server's start, 2 readings, 0 waiting", status, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_settings_are_taken()
    {
        using var folder = new CliFolder();
        Assert.True(DevicesPage.Settings.Count >= 8);
        foreach (var text in DevicesPage.Settings)
        {
            folder.Write("page.json", text);
            var mqtt = OptionsLoader.Load(Path.Combine(folder.Path, "page.json"), []).Mqtt;
            Assert.True(mqtt.Brokers.Count + mqtt.Topics.Count > 0 || text.Contains("line_protocol", StringComparison.Ordinal), text);
        }
    }

    /// <summary>The rules of a file, as single settings.</summary>
    private static IEnumerable<(string, string)> Rules(string file)
        => JsonNode.Parse(File.ReadAllText(file))!["mqtt"]!["topics"]!.AsArray()
            .SelectMany((rule, index) => rule!.AsObject().Select(m => ($"mqtt:topics:{index}:{m.Key}", m.Value!.ToString())));

    private static List<string[]> Rows() => [.. Page.Split('\n').SkipWhile(line => line != "| topic | payload | sensor | reading |").Skip(2)
        .TakeWhile(line => line.StartsWith('|')).Select(line => Cell().Matches(line).Select(cell => cell.Groups[1].Value).ToArray())];

    [GeneratedRegex(@" `([^`]+)` \|")]
    private static partial Regex Cell();
}
