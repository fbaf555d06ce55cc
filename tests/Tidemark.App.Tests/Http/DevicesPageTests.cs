using System.Net.Sockets;
using System.Text;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Devices;

namespace Tidemark.App.Tests.Http;

/// <summary>The examples of docs/devices.md for requests, as they stand there, on a server without keys.</summary>
public sealed class DevicesPageTests : IAsyncLifetime
{
    private const string Address = "127.0.0.1:5000";

    private RunningServer _server = null!;

    private string Authority => _server.Address.Authority;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Its_commands_write()
    {
        Tool.Require(Tool.Find("curl") is not null, "curl");
        var commands = DevicesPage.Blocks("curl", "sh");
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
        var request = DevicesPage.Block("A request by hand", "http").TrimEnd('\n').Replace(Address, Authority).Replace("\n", "\r\n");
        using var socket = new TcpClient();
        await socket.ConnectAsync(_server.Address.Host, _server.Address.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        var answer = await new StreamReader(socket.GetStream()).ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("HTTP/1.1 204 No Content", answer);
        Assert.Equal("21.75", await ValuesAsync("esp-1a2b", "climate_temp"));
    }

    private async Task<string> ValuesAsync(string sensor, params string[] metrics)
    {
        var current = await _server.GetAsync($"/api/sensors/{sensor}/current");
        return string.Join(' ', metrics.Select(m => current[m]!.ToJsonString()));
    }
}
