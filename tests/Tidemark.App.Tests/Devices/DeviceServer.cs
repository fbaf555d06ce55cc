using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Mqtt;

namespace Tidemark.App.Tests.Devices;

/// <summary>The server as docs/devices.md says to start it, but on this machine alone and on ports of its own.</summary>
internal sealed partial class DeviceServer : IDisposable
{
    private readonly HttpClient _http;

    private DeviceServer(CliFolder folder, Uri address, int mqttPort, string key, string readKey)
    {
        (Folder, Address, MqttPort, Key) = (folder, address, mqttPort, key);
        _http = new HttpClient { BaseAddress = address };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", readKey);
    }

    public CliFolder Folder { get; }

    public Uri Address { get; }

    public int MqttPort { get; }

    public string Key { get; }

    /// <param name="settings">What stands in its <c>tidemark.json</c>; null for none.</param>
    /// <param name="files">What else lies beside it.</param>
    public static async Task<DeviceServer> StartAsync(string? settings = null, params (string Name, string Text)[] files)
    {
        var folder = new CliFolder();
        foreach (var (name, text) in files)
        {
            folder.Write(name, text);
        }

        if (settings is not null)
        {
            folder.Write("tidemark.json", settings);
        }

        var commands = Command().Matches(DevicesPage.Block("The server", "console")).Select(m => m.Groups[1].Value.Split(' ')).ToList();
        Assert.Equal(2, commands.Count);
        var key = (await folder.SucceedAsync(commands[0])).TrimEnd();
        var readKey = (await folder.SucceedAsync("key", "add", "the test", "--scope", "read")).TrimEnd();
        var port = Mosquitto.FreePort();
        var server = folder.Start([.. commands[1].Select(word => word.Replace("0.0.0.0:5000", "127.0.0.1:0", StringComparison.Ordinal)
            .Replace("0.0.0.0:1883", $"127.0.0.1:{port}", StringComparison.Ordinal))]);
        return new DeviceServer(folder, new Uri(await server.UrlAsync()), port, key, readKey);
    }

    /// <summary>An example of the page with this server's addresses and key.</summary>
    public string Fill(string example) => example
        .Replace("192.168.1.10:5000", Address.Authority, StringComparison.Ordinal)
        .Replace("192.168.1.10", "127.0.0.1", StringComparison.Ordinal)
        .Replace("1883", $"{MqttPort}", StringComparison.Ordinal)
        .Replace("KEY", Key, StringComparison.Ordinal);

    /// <summary>Waits until the sensor's last reading has all of these.</summary>
    public async Task<JsonObject> ReadingAsync(string sensor, params string[] metrics)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            using var answer = await _http.GetAsync($"/api/sensors/{Uri.EscapeDataString(sensor)}/current");
            var text = await answer.Content.ReadAsStringAsync();
            if (answer.IsSuccessStatusCode && JsonNode.Parse(text)!.AsObject() is var reading && metrics.All(m => reading[m] is not null))
            {
                return reading;
            }

            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(1), $"{sensor} has {text}; {await _http.GetStringAsync("/api/status")}");
            await Task.Delay(50);
        }
    }

    /// <summary>Waits until it is connected to its broker.</summary>
    public async Task ConnectedAsync()
    {
        var watch = Stopwatch.StartNew();
        while (!(await StatusAsync())["mqtt"]!["brokers"]![0]!["connected"]!.GetValue<bool>())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(1), (await StatusAsync())["mqtt"]!.ToJsonString());
            await Task.Delay(50);
        }
    }

    public async Task<JsonNode> StatusAsync() => JsonNode.Parse(await _http.GetStringAsync("/api/status"))!;

    public void Dispose()
    {
        _http.Dispose();
        Folder.Dispose();
    }

    [GeneratedRegex(@"^\$ tidemark (.*)$", RegexOptions.Multiline)]
    private static partial Regex Command();
}
