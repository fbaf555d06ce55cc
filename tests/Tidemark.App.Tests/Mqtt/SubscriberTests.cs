using Tidemark.App.Tests.Http;
using Tidemark.Server.Hosting;
using Tidemark.Storage;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>The server as a client of Debian's broker.</summary>
public sealed class SubscriberTests
{
    public SubscriberTests() => Mosquitto.RequireClients();

    [Theory]
    [InlineData("0"), InlineData("1"), InlineData("2")]
    public async Task It_subscribes_to_the_topics_of_its_rules(string qos)
    {
        using var broker = await Mosquitto.StartAsync();
        await using var server = await StartAsync(
            broker, ("mqtt:brokers:0:qos", qos), ("mqtt:topics:0:topic", "site/{sensor}/{metric}"), ("mqtt:topics:0:format", "value"));
        await ConnectedAsync(server);
        await PublishAsync(broker, "sensors/a", """{"t":1}""");
        await PublishAsync(broker, "site/pump/flow", "2.5");
        await PublishAsync(broker, "site/pump/flow", "nonsense");
        await PublishAsync(broker, "zigbee2mqtt/kitchen/lamp", """{"brightness":3}""");
        await UntilAsync(server, status => status.Messages == 4);
        Assert.Equal(2.5, (await server.GetAsync("/api/sensors/pump/current"))["flow"]!.GetValue<double>());
        Assert.Equal(3, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());
        Assert.Equal("""{"payload":1}""", (await server.GetAsync("/api/status"))["mqtt"]!["refused"]!.ToJsonString());
    }

    [Fact]
    public async Task Retained_messages_are_no_new_readings_unless_a_rule_says_so()
    {
        using var broker = await Mosquitto.StartAsync();
        await PublishAsync(broker, "sensors/old", """{"t":1}""", "-r");
        await PublishAsync(broker, "kept/counter", """{"t":2}""", "-r");
        await using var server = await StartAsync(
            broker, ("mqtt:topics:0:topic", "kept/{sensor}"), ("mqtt:topics:0:retained", "true"));
        await UntilAsync(server, status => status is { Retained: 1, Readings: 1 });
        await PublishAsync(broker, "sensors/new", """{"t":3}""", "-r");
        await UntilAsync(server, status => status.Readings == 2);
        Assert.Equal(["counter", "new"], await SensorsAsync(server));
    }

    [Fact]
    public async Task A_broker_that_went_away_is_found_again_with_what_its_session_kept()
    {
        using var broker = await Mosquitto.StartAsync();
        await using (var server = await StartAsync(broker))
        {
            await ConnectedAsync(server);
            await broker.StopAsync();
            await UntilAsync(server, status => status.Brokers[0] is { Connected: false, Error: not null });
            await broker.StartAgainAsync();
            await UntilAsync(server, status => status.Brokers[0] is { Connected: true, Connections: 2, Error: null });
            await PublishAsync(broker, "sensors/a", """{"t":1}""");
            await UntilAsync(server, status => status.Readings == 1);
        }

        // Nobody is there, and the broker starts anew meanwhile.
        await PublishAsync(broker, "sensors/b", """{"t":2}""");
        await broker.StopAsync();
        await broker.StartAgainAsync();
        await PublishAsync(broker, "sensors/c", """{"t":3}""");
        await using var next = await StartAsync(broker);
        await UntilAsync(next, status => status.Readings == 2);
        Assert.Equal(["b", "c"], await SensorsAsync(next));
    }

    [Fact]
    public async Task A_broker_that_is_not_there_yet_keeps_nobody_from_starting()
    {
        var address = $"mqtt://127.0.0.1:{Mosquitto.FreePort()}";
        await using var server = await RunningServer.StartAsync(("mqtt:brokers:0:address", address));
        await UntilAsync(server, status => status.Brokers[0].Error is not null);
        var broker = (await server.GetAsync("/api/status"))["mqtt"]!["brokers"]![0]!;
        Assert.Equal((address, false), (broker["address"]!.GetValue<string>(), broker["connected"]!.GetValue<bool>()));
        Assert.Equal("Connection refused", broker["error"]!.GetValue<string>());
    }

    [Fact]
    public async Task It_speaks_TLS_to_a_broker_of_the_authority_given_with_a_password_from_a_file()
    {
        using var broker = await Mosquitto.StartAsync();
        await broker.StopAsync();
        Certificates.Write(broker.PathOf("authority.pem"), broker.PathOf("server.pem"), broker.PathOf("server.key"));
        var (secure, password) = (Mosquitto.FreePort(), broker.PathOf("password"));
        await File.WriteAllTextAsync(password, "secret\n");
        await File.WriteAllTextAsync(broker.PathOf("users"), "gateway:secret\n");
        var hashed = await Deploy.Tool.RunAsync("mosquitto_passwd", "-U", broker.PathOf("users"));
        Assert.Equal((0, ""), (hashed.ExitCode, hashed.Error));
        await broker.StartAgainAsync(
            $"password_file {broker.PathOf("users")}", $"listener {secure} 127.0.0.1", $"certfile {broker.PathOf("server.pem")}",
            $"keyfile {broker.PathOf("server.key")}");

        (string, string)[] settings =
        [
            ("mqtt:brokers:0:address", $"mqtts://localhost:{secure}"), ("mqtt:brokers:0:user", "gateway"),
            ("mqtt:brokers:0:password_file", password),
        ];
        await using (var server = await RunningServer.StartAsync([.. settings, ("mqtt:brokers:0:ca", broker.PathOf("authority.pem"))]))
        {
            await ConnectedAsync(server);
            await PublishAsync(broker, "sensors/a", """{"t":1}""", "-u", "gateway", "-P", "secret");
            await UntilAsync(server, status => status.Readings == 1);
        }

        // Nobody on this machine knows the authority.
        await using var stranger = await RunningServer.StartAsync(settings);
        await UntilAsync(stranger, status => status.Brokers[0].Error is not null);
        Assert.Contains("certificate", TidemarkServer.ReadMqtt(stranger.App)!.Brokers[0].Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Members_of_a_group_get_each_message_once_between_them()
    {
        using var broker = await Mosquitto.StartAsync();
        await using var one = await StartAsync(broker, ("mqtt:brokers:0:share", "g"), ("mqtt:brokers:0:client_id", "one"));
        await using var two = await StartAsync(broker, ("mqtt:brokers:0:share", "g"), ("mqtt:brokers:0:client_id", "two"));
        await ConnectedAsync(one);
        await ConnectedAsync(two);
        using var publisher = Mosquitto.Start(
            "mosquitto_pub", broker.Port, "-t", "sensors/a", "-m", """{"t":1}""", "-q", "1", "--repeat", "50");
        await publisher.EndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Messages(one) + Messages(two) < 50)
        {
            await Task.Delay(10, patience.Token);
        }

        Assert.Equal(50, Messages(one) + Messages(two));
        Assert.True(Messages(one) > 0 && Messages(two) > 0, $"{Messages(one)} and {Messages(two)}");

        static long Messages(RunningServer server) => TidemarkServer.ReadMqtt(server.App)!.Messages;
    }

    private static Task<RunningServer> StartAsync(Mosquitto broker, params (string, string)[] settings)
        => RunningServer.StartAsync([("mqtt:brokers:0:address", broker.Address), .. settings]);

    private static async Task<IEnumerable<string>> SensorsAsync(RunningServer server)
        => (await server.GetAsync("/api/sensors"))["sensors"]!.AsArray().Select(s => s!["sensor_id"]!.GetValue<string>());

    private static Task ConnectedAsync(RunningServer server)
        => UntilAsync(server, status => status.Brokers[0] is { Connected: true, Error: null });

    private static async Task PublishAsync(Mosquitto broker, string topic, string payload, params string[] options)
        => Assert.Equal(0, (await Mosquitto.PublishAsync(broker.Port, topic, payload, ["-q", "1", .. options])).ExitCode);

    private static async Task UntilAsync(RunningServer server, Func<MqttStatus, bool> isWanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!isWanted(TidemarkServer.ReadMqtt(server.App)!))
        {
            Assert.False(patience.IsCancellationRequested, TidemarkServer.ReadMqtt(server.App)!.ToString());
            await Task.Delay(10, CancellationToken.None);
        }
    }
}
