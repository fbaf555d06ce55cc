using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Http;
using Tidemark.Server.Hosting;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>The server as a client of brokers that speak MQTT 3.1.1 and nothing newer.</summary>
public sealed partial class OlderBrokerTests
{
    public OlderBrokerTests() => Mosquitto.RequireClients();

    [Fact]
    public async Task One_that_knows_nothing_newer()
    {
        var port = Mosquitto.FreePort();
        using var broker = await StartAedesAsync(port);
        await using var server = await RunningServer.StartAsync(("mqtt:brokers:0:address", $"mqtt://127.0.0.1:{port}"));
        await IsReadAsync(server, port, 1);

        await broker.KillAsync();
        await UntilAsync(server, () => !TidemarkServer.ReadMqtt(server.App)!.Brokers[0].Connected);
        using var again = await StartAedesAsync(port);
        await IsReadAsync(server, port, 2);
    }

    [Theory]
    [InlineData(""), InlineData("20020001"), InlineData("2003008400")]
    public async Task One_that_refuses_what_is_newer(string answer)
    {
        using var broker = await Mosquitto.StartAsync();
        await using var old = new OlderBroker(broker.Port, Convert.FromHexString(answer));
        await using var server = await RunningServer.StartAsync(("mqtt:brokers:0:address", $"mqtt://127.0.0.1:{old.Port}"));
        await IsReadAsync(server, broker.Port, 1);

        await broker.StopAsync();
        await UntilAsync(server, () => !TidemarkServer.ReadMqtt(server.App)!.Brokers[0].Connected);
        // The session that it keeps is one of 3.1.1 too.
        await broker.StartAgainAsync();
        Assert.Equal(0, (await Mosquitto.PublishAsync(broker.Port, "sensors/a", """{"t":2}""", "-q", "1")).ExitCode);
        await UntilAsync(server, () => TidemarkServer.ReadMqtt(server.App)!.Readings == 2);
    }

    private static async Task<CliProcess> StartAedesAsync(int port)
    {
        var tests = Path.Combine(Repository.Root, "tests", "Tidemark.App.Tests");
        Tool.Require(
            Tool.Find("node") is not null && Directory.Exists(Path.Combine(tests, "node_modules", "aedes")), "node with the package aedes");
        var broker = Tool.Start("node", [Path.Combine(tests, "Mqtt", "aedes.mjs"), $"{port}"]);
        await broker.WaitForAsync(Listening());
        return broker;
    }

    private static async Task IsReadAsync(RunningServer server, int port, int readings)
    {
        await UntilAsync(server, () => TidemarkServer.ReadMqtt(server.App)!.Brokers[0] is { Connected: true, Error: null });
        Assert.Equal(0, (await Mosquitto.PublishAsync(port, "sensors/a", $$"""{"t":{{readings}}}""", "-q", "1")).ExitCode);
        await UntilAsync(server, () => TidemarkServer.ReadMqtt(server.App)!.Readings == readings);
    }

    private static async Task UntilAsync(RunningServer server, Func<bool> isWanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!isWanted())
        {
            Assert.False(patience.IsCancellationRequested, TidemarkServer.ReadMqtt(server.App)!.ToString());
            await Task.Delay(10, CancellationToken.None);
        }
    }

    [GeneratedRegex("listening")]
    private static partial Regex Listening();

    /// <summary>Before a broker: whoever greets in a version after 3.1.1 is answered so, or not at all, and the connection ended.</summary>
    private sealed class OlderBroker : IAsyncDisposable
    {
        private const int LevelBehindName = 4;

        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly (int Port, byte[] Answer) _settings;
        private readonly Task _accepting;

        public OlderBroker(int port, byte[] answer)
        {
            _settings = (port, answer);
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _accepting;
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    _ = ServeAsync(await _listener.AcceptTcpClientAsync());
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The end.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using var _ = client;
            using var broker = new TcpClient();
            try
            {
                var buffer = new byte[4096];
                var stream = client.GetStream();
                var count = await stream.ReadAsync(buffer);
                if (buffer[buffer.AsSpan().IndexOf("MQTT"u8) + LevelBehindName] > MqttWire.Version311)
                {
                    await stream.WriteAsync(_settings.Answer);
                    client.Client.Shutdown(SocketShutdown.Both);
                    return;
                }

                await broker.ConnectAsync(IPAddress.Loopback, _settings.Port);
                await broker.GetStream().WriteAsync(buffer.AsMemory(0, count));
                await Task.WhenAny(stream.CopyToAsync(broker.GetStream()), broker.GetStream().CopyToAsync(stream));
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
            {
                // One side has gone: so does the other.
            }
        }
    }
}
