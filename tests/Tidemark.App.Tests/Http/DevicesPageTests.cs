using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Http;

/// <summary>The examples of docs/devices.md, as they stand there, on a server without keys.</summary>
public sealed partial class DevicesPageTests : IAsyncLifetime
{
    private const string Address = "127.0.0.1:5000";

    private static readonly string Page = File.ReadAllText(Repository.PathOf("docs/devices.md"));

    private RunningServer _server = null!;

    private string Authority => _server.Address.Authority;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Its_commands_write()
    {
        Tool.Require(Tool.Find("curl") is not null, "curl");
        var commands = Blocks("sh");
        Assert.Equal(2, commands.Count);
        foreach (var command in commands)
        {
            var result = await Tool.RunAsync("bash", "-c", "set -eo pipefail\n" + command.Replace(Address, Authority));
            Assert.True(result.ExitCode == 0, result.Error + result.Output);
        }

        Assert.Equal("4.5 0.2", await ValuesAsync("roof", "weather_temp", "weather_rain"));
        Assert.Equal("5.25", await ValuesAsync("yard", "weather_temp"));
        Assert.Equal("54.1 1", await ValuesAsync("boiler", "heating_flow", "heating_on"));
    }

    [Fact]
    public async Task Its_request_writes()
    {
        var request = Assert.Single(Blocks("http")).TrimEnd('\n').Replace(Address, Authority).Replace("\n", "\r\n");
        using var socket = new TcpClient();
        await socket.ConnectAsync(_server.Address.Host, _server.Address.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        var answer = await new StreamReader(socket.GetStream()).ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("HTTP/1.1 204 No Content", answer);
        Assert.Equal("21.75", await ValuesAsync("esp-1a2b", "climate_temp"));
    }

    /// <summary>What Telegraf sends with these settings: its v2 output adds the path and the names, and packs the body.</summary>
    [Fact]
    public async Task Its_settings_of_Telegraf_lead_here()
    {
        var settings = Assert.Single(Blocks("toml"));
        string Setting(string name) => Regex.Match(settings, $"""^ *{name} = \[?"([^"]+)"\]?$""", RegexOptions.Multiline).Groups[1].Value;
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write("cpu,cpu=cpu-total,host=pi3 usage_idle=97.5 1763805600000000000\nmem,host=pi3 free=1024i 1763805600000000000\n"u8);
        }

        using var request = new HttpRequestMessage(
            HttpMethod.Post,
            $"{Setting("urls").Replace(Address, Authority)}/api/v2/write?bucket={Setting("bucket")}&org={Setting("organization")}")
        {
            Content = new ByteArrayContent(packed.ToArray()),
        };
        request.Headers.TryAddWithoutValidation("Authorization", $"Token {Setting("token")}");
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");
        using var answer = await _server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal("97.5 1024", await ValuesAsync("pi3", "cpu_usage_idle", "mem_free"));
    }

    private static List<string> Blocks(string language)
        => [.. Block().Matches(Page).Where(b => b.Groups[1].Value == language).Select(b => b.Groups[2].Value)];

    private async Task<string> ValuesAsync(string sensor, params string[] metrics)
    {
        var current = await _server.GetAsync($"/api/sensors/{sensor}/current");
        return string.Join(' ', metrics.Select(m => current[m]!.ToJsonString()));
    }

    [GeneratedRegex("^```([a-z]+)\\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
