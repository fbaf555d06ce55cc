using System.Text;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Fuzz;
using Tidemark.App.Tests.Http;
using Tidemark.Server.Hosting;
using Tidemark.Storage;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>What waits in memory has a bound.</summary>
public sealed class WaitingMessageTests
{
    private const int Clients = 5;
    private const int EachSends = 100;
    private const int Size = 200_000;
    private const int Room = 64 << 20;

    public WaitingMessageTests() => Mosquitto.RequireClients();

    [Fact]
    public async Task While_the_store_is_down_64_MiB_wait_and_the_rest_comes_later()
    {
        using var folder = new CliFolder();
        var url = $"http://127.0.0.1:{Mosquitto.FreePort()}";
        var origin = folder.Start("serve", "--urls", url);
        await origin.UrlAsync();
        await using var server = await RunningServer.StartBehindAsync(new Uri(url), ("mqtt:listen", "mqtt://127.0.0.1:0"));
        var port = new Uri(TidemarkServer.MqttAddresses(server.App).Single()).Port;
        await origin.TerminateAsync();

        var acknowledged = Enumerable.Range(0, Clients).Select(client => SendAsync(port, client)).ToList();
        await UntilAsync(server, status => status.Waiting >= Room / (Size + 1000));
        using var dropped = Mosquitto.Start("mosquitto_pub", port, "-t", "sensors/z", "-m", """{"v":1}""", "-q", "0");
        await UntilAsync(server, status => status.Refused.GetValueOrDefault("overload") == 1);
        // Each connection may bring one that finds room a moment before another one fills it.
        await Task.Delay(1000);
        var status = TidemarkServer.ReadMqtt(server.App)!;
        Assert.InRange(status.Waiting, Room / (Size + 1000), (Room / Size) + Clients);
        Assert.All(acknowledged, task => Assert.False(task.IsCompleted));

        await folder.Start("serve", "--urls", url).UrlAsync();
        await Task.WhenAll(acknowledged);
        for (var client = 0; client < Clients; client++)
        {
            var answer = await server.GetAsync($"/api/sensors/c{client}/raw?from=2023-11-01T00:00:00Z&to=2023-12-01T00:00:00Z");
            Assert.Equal(Enumerable.Range(0, EachSends), answer["data"]!.AsArray().Select(r => (int)r!["v"]!.GetValue<double>()));
        }

        Assert.Equal(Clients, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());
    }

    [Fact]
    public async Task Long_topics_and_retained_messages_fill_no_memory()
    {
        TestLength.SkipUnlessShare();
        var port = Mosquitto.FreePort();
        using var server = await FuzzedServer.StartAsync("--mqtt", $"mqtt://127.0.0.1:{port}");
        using var wire = await MqttWire.ConnectAsync(port, MqttWire.Version311, "c");
        var early = 0L;
        for (ushort number = 1; number <= 6000; number++)
        {
            if (number == 500)
            {
                early = server.Resident();
            }

            byte[] topic = [.. "sensors/"u8, .. Encoding.ASCII.GetBytes($"{number}"), .. Enumerable.Repeat((byte)'x', 60_000)];
            await wire.SendAsync(MqttWire.Publish(MqttWire.Version311, 1, number, topic, """{"t":1}"""u8));
            await wire.AcknowledgedAsync([number]);
            byte[] kept = MqttWire.Publish(
                MqttWire.Version311, 1, number, Encoding.ASCII.GetBytes($"kept/{number}"), new byte[100_000]);
            kept[0] |= 1;
            await wire.SendAsync(kept);
            await wire.AcknowledgedAsync([number]);
        }

        Assert.InRange(server.Resident(), 1, early + (200L << 20));
    }

    private static async Task SendAsync(int port, int client)
    {
        using var wire = await MqttWire.ConnectAsync(port, MqttWire.Version311, $"c{client}");
        var text = new string('x', Size);
        var sent = Task.Run(async () =>
        {
            for (var number = 0; number < EachSends; number++)
            {
                var payload = $$"""{"time":{{1_700_000_000_000 + number}},"v":{{number}},"note":"{{text}}"}""";
                var (topic, bytes) = (Encoding.ASCII.GetBytes($"sensors/c{client}"), Encoding.ASCII.GetBytes(payload));
                await wire.SendAsync(MqttWire.Publish(MqttWire.Version311, 1, (ushort)(number + 1), topic, bytes));
            }
        });
        await wire.AcknowledgedAsync([.. Enumerable.Range(1, EachSends).Select(number => (ushort)number)]);
        await sent;
    }

    private static async Task UntilAsync(RunningServer server, Func<MqttStatus, bool> isWanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!isWanted(TidemarkServer.ReadMqtt(server.App)!))
        {
            Assert.False(patience.IsCancellationRequested, TidemarkServer.ReadMqtt(server.App)!.ToString());
            await Task.Delay(10, CancellationToken.None);
        }
    }
}
