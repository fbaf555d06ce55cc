using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MQTTnet;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Http;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>The server as a broker, with Debian's clients.</summary>
public sealed partial class BrokerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-broker-").FullName;

    public BrokerTests() => Mosquitto.RequireClients();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("0", "311"), InlineData("1", "31"), InlineData("1", "311"), InlineData("2", "311"), InlineData("1", "5")]
    [InlineData("2", "5")]
    public async Task What_is_acknowledged_is_durable(string qos, string version)
    {
        await using var server = await StartAsync();
        // Without -i the client has no id, which the oldest version does not know.
        string[] id = version == "31" ? ["-i", "device"] : [];
        var published = await Mosquitto.PublishAsync(
            Port(server), "sensors/a", """{"temperature":21.5,"co2":612}""", ["-q", qos, "-V", version, .. id]);
        Assert.Equal((0, ""), (published.ExitCode, published.Error));
        if (qos == "0")
        {
            await UntilAsync(server, status => status.Readings == 1);
        }

        var current = await server.GetAsync("/api/sensors/a/current");
        Assert.Equal(
            ("2026-11-22T10:30:00Z", 21.5, 612),
            (current["time"]!.GetValue<string>(), current["temperature"]!.GetValue<double>(), current["co2"]!.GetValue<double>()));
    }

    [Fact]
    public async Task Messages_go_to_those_who_subscribed_and_retained_ones_to_those_who_come_later()
    {
        await using var server = await StartAsync();
        Assert.Equal(0, (await Mosquitto.PublishAsync(Port(server), "home/state", "kept", "-r", "-q", "1")).ExitCode);
        using var subscriber = Mosquitto.Start(
            "mosquitto_sub", Port(server), "-t", "home/#", "-t", "sensors/#", "-v", "-C", "3", "-q", "1");
        await subscriber.WaitForAsync(Kept());
        await Mosquitto.PublishAsync(Port(server), "home/x", "hello", "-q", "1");
        await Mosquitto.PublishAsync(Port(server), "sensors/a", """{"t":1}""", "-q", "2");
        Assert.Equal("home/state kept\nhome/x hello\nsensors/a {\"t\":1}\n", (await subscriber.EndAsync()).Output);
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_is_acknowledged_counted_and_shown_and_stops_nothing()
    {
        await using var server = await StartAsync(("mqtt:max_message", "1KiB"));
        await Mosquitto.PublishAsync(Port(server), "sensors/a", "nonsense", "-q", "1");
        await Mosquitto.PublishAsync(Port(server), "sensors/a", """{"time":"2026-11-22","t":1}""", "-q", "2");
        await Mosquitto.PublishAsync(Port(server), "sensors/a", new string('x', 1025), "-q", "1");
        await Mosquitto.PublishAsync(Port(server), "nothing/for/any/rule", "x", "-q", "1");
        for (var sent = 0; sent < 100; sent++)
        {
            await Mosquitto.PublishAsync(Port(server), $"sensors/{new string('b', 51)}", $$"""{"t":{{sent}}}""", "-q", "1");
        }

        Assert.Equal(0, (await Mosquitto.PublishAsync(Port(server), "sensors/a", """{"t":3}""", "-q", "1")).ExitCode);
        var status = (await server.GetAsync("/api/status"))["mqtt"]!;
        Assert.Equal("""{"name":100,"payload":2,"time":1}""", status["refused"]!.ToJsonString());
        Assert.Equal(100, status["last_refused"]!.AsArray().Count);
        var topic = $"sensors/{new string('b', 51)}";
        Assert.Equal(
            $$"""{"time":"2026-11-22T10:30:00Z","topic":"{{topic}}","reason":"name","error":"sensor_id is longer than 50 characters"}""",
            status["last_refused"]![99]!.ToJsonString());
        Assert.Equal(1, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_packet_beyond_all_bounds_ends_its_connection_and_no_other()
    {
        await using var server = await StartAsync(("mqtt:max_message", "1KiB"));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port(server));
        await using var stream = client.GetStream();
        // Its header promises 256 MiB.
        await stream.WriteAsync(new byte[] { 0x30, 0xFF, 0xFF, 0xFF, 0x7F });
        Assert.Equal(0, await EndAsync(stream));
        Assert.Equal(0, (await Mosquitto.PublishAsync(Port(server), "sensors/a", """{"t":3}""", "-q", "1")).ExitCode);
    }

    [Fact]
    public async Task Keys_are_passwords_and_their_scopes_hold()
    {
        var keys = new KeyFile(Path.Combine(_folder, "keys.json"));
        var (write, read) = (
            keys.Add("device", [Scope.Write], Instant.Utc(2026, 11, 1)), keys.Add("screen", [Scope.Read], Instant.Utc(2026, 11, 1)));
        await using var server = await StartAsync(("server:keys", Path.Combine(_folder, "keys.json")));

        Assert.Equal(0, (await PublishAsync("a", write)).ExitCode);
        Assert.Contains("bad user name or password", (await PublishAsync("b", null)).Error, StringComparison.Ordinal);
        Assert.Contains("bad user name or password", (await PublishAsync("c", "wrong")).Error, StringComparison.Ordinal);
        Assert.Equal(0, (await PublishAsync("d", read)).ExitCode);

        await Mosquitto.PublishAsync(Port(server), "x/x", "kept", "-u", "x", "-P", write, "-q", "1", "-r");
        using var allowed = Mosquitto.Start("mosquitto_sub", Port(server), "-t", "x/#", "-u", "x", "-P", read, "-C", "2");
        await allowed.WaitForAsync(Kept());
        using var denied = Mosquitto.Start("mosquitto_sub", Port(server), "-t", "x/#", "-u", "x", "-P", write, "-C", "1");
        Assert.Equal("All subscription requests were denied.\n", (await denied.EndAsync()).Error);
        await Mosquitto.PublishAsync(Port(server), "x/y", "seen", "-u", "x", "-P", write, "-q", "1");
        Assert.Equal("kept\nseen\n", (await allowed.EndAsync()).Output);

        using var reader = new HttpRequestMessage(HttpMethod.Get, "/api/sensors") { Headers = { Authorization = new("Bearer", read) } };
        using var answer = await server.Client.SendAsync(reader);
        Assert.Contains("\"count\":1}", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        Task<CliResult> PublishAsync(string sensor, string? password) => Mosquitto.PublishAsync(
            Port(server),
            $"sensors/{sensor}",
            """{"t":1}""",
            ["-q", "1", .. password is null ? (string[])[] : ["-u", "x", "-P", password]]);
    }

    [Fact]
    public async Task A_key_that_is_revoked_ends_its_connections_and_no_others()
    {
        var keys = new KeyFile(Path.Combine(_folder, "keys.json"));
        var (kept, revoked) = (
            keys.Add("kept", [Scope.Write], Instant.Utc(2026, 11, 1)), keys.Add("revoked", [Scope.Write], Instant.Utc(2026, 11, 1)));
        await using var server = await StartAsync(("server:keys", Path.Combine(_folder, "keys.json")));
        using var one = await ConnectAsync(kept);
        using var other = await ConnectAsync(revoked);
        var ended = new TaskCompletionSource();
        other.DisconnectedAsync += _ =>
        {
            ended.TrySetResult();
            return Task.CompletedTask;
        };
        keys.Revoke("revoked");
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(one.IsConnected);

        async Task<IMqttClient> ConnectAsync(string key)
        {
            var client = new MqttClientFactory().CreateMqttClient();
            var options = new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", Port(server)).WithCredentials("x", key);
            await client.ConnectAsync(options.Build());
            return client;
        }
    }

    [Theory]
    [InlineData("mqtt://0.0.0.0:1883",
        "mqtt://0.0.0.0:1883 can be reached from other machines and nothing would guard it: make a key with tidemark key add, "
        + "use mqtt://127.0.0.1:1883, or --insecure if that is meant")]
    [InlineData("mqtt://127.0.0.1:1883", null), InlineData("mqtt://[::1]:1883", null), InlineData("mqtt://localhost", null)]
    [InlineData("mqtt://example.org:1883", "'mqtt://example.org:1883' is not an address to listen on, such as mqtt://127.0.0.1:1883")]
    public void An_address_that_others_reach_needs_keys(string address, string? line)
    {
        var options = OptionsLoader.Load(null, [new("mqtt:listen", address)]);
        Assert.Equal(
            line, Record.Exception(() => TidemarkServer.RefuseOpenAddress(new ServerOptions(), options.Mqtt, insecure: false))?.Message);
    }

    [Fact]
    public async Task It_speaks_TLS_and_takes_a_renewed_certificate()
    {
        string PathOf(string name) => Path.Combine(_folder, name);
        Certificates.Write(PathOf("authority.pem"), PathOf("server.pem"), PathOf("server.key"));
        await using var server = await RunningServer.StartAsync(
            ("mqtt:listen", "mqtts://127.0.0.1:0"), ("mqtt:certificate", PathOf("server.pem")),
            ("mqtt:certificate_key", PathOf("server.key")));
        Assert.Equal((0, ""), await PublishAsync());

        // Another authority signs the next one.
        Certificates.Write(PathOf("authority.pem"), PathOf("server.pem"), PathOf("server.key"));
        File.SetLastWriteTimeUtc(PathOf("server.pem"), DateTime.UtcNow.AddMinutes(1));
        Assert.Equal((0, ""), await PublishAsync());

        async Task<(int, string)> PublishAsync()
        {
            var published = await Mosquitto.PublishAsync(
                Port(server), "sensors/a", """{"t":1}""", "-q", "1", "-h", "localhost", "--cafile", PathOf("authority.pem"));
            return (published.ExitCode, published.Error);
        }
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_read_is_told_in_one_line()
    {
        using var folder = new CliFolder();
        folder.Write("tidemark.json", """{ "mqtt": { "listen": "mqtts://127.0.0.1:0", "certificate": "missing.pem" } }""");
        var result = await folder.RunAsync("serve", "--urls", "http://127.0.0.1:0");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("tidemark: the certificate in missing.pem with the key in missing.pem can't be read: ", result.Error);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_port_in_use_is_told_in_one_line()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var folder = new CliFolder();
        var result = await folder.RunAsync("serve", "--urls", "http://127.0.0.1:0", "--mqtt", $"mqtt://{listener.LocalEndpoint}");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith($"tidemark: can't listen on mqtt://{listener.LocalEndpoint}: ", result.Error);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task While_the_store_is_down_nothing_is_acknowledged_and_then_all_is()
    {
        using var folder = new CliFolder();
        var url = $"http://127.0.0.1:{Mosquitto.FreePort()}";
        var origin = folder.Start("serve", "--urls", url);
        await origin.UrlAsync();
        await using var server = await RunningServer.StartBehindAsync(new Uri(url), ("mqtt:listen", "mqtt://127.0.0.1:0"));
        Assert.Equal(0, (await Mosquitto.PublishAsync(Port(server), "sensors/a", """{"t":1}""", "-q", "1")).ExitCode);

        await origin.TerminateAsync();
        using var publisher = Mosquitto.Start("mosquitto_pub", Port(server), "-t", "sensors/a", "-m", """{"u":2}""", "-q", "1");
        using var other = Mosquitto.Start("mosquitto_pub", Port(server), "-t", "sensors/b", "-m", """{"u":3}""", "-q", "2");
        using var broken = Mosquitto.Start("mosquitto_pub", Port(server), "-t", "sensors/b", "-m", "broken", "-q", "1");
        var report = (Tidemark.Storage.MqttStatus?)null;
        await UntilAsync(server, status => (report = status) is { StoreError: not null, Waiting: 3 });
        Assert.Equal($"no server answers at {url}; start one with: tidemark serve", report!.StoreError);

        await folder.Start("serve", "--urls", url).UrlAsync();
        foreach (var client in new[] { publisher, other, broken })
        {
            Assert.Equal(0, (await client.EndAsync()).ExitCode);
        }

        Assert.Equal(2, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());
        await UntilAsync(server, status => status is { StoreError: null, Waiting: 0 });
    }

    [Fact]
    public async Task One_client_has_many_messages_on_their_way_and_their_order_stays()
    {
        await using var server = await StartAsync();
        using var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", Port(server)).WithClientId("").Build());
        await Task.WhenAll(Enumerable.Range(0, 2000).Select(number => client.PublishAsync(new MqttApplicationMessageBuilder()
            .WithTopic("sensors/a").WithPayload($$"""{"time":"2026-11-22T10:00:00Z","t":{{number}},"n{{number % 3}}":{{number}}}""")
            .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce).Build())));
        var current = await server.GetAsync("/api/sensors/a/current");
        Assert.Equal(
            (1999, 1998, 1999, 1997),
            (Value(current["t"]), Value(current["n0"]), Value(current["n1"]), Value(current["n2"])));

        static double Value(System.Text.Json.Nodes.JsonNode? node) => node!.GetValue<double>();
    }

    private static Task<RunningServer> StartAsync(params (string, string)[] settings)
        => RunningServer.StartAsync([("mqtt:listen", "mqtt://127.0.0.1:0"), .. settings]);

    private static int Port(RunningServer server) => new Uri(TidemarkServer.MqttAddresses(server.App).Single()).Port;

    /// <summary>Waits until the server's report is as wanted.</summary>
    private static async Task UntilAsync(RunningServer server, Func<Tidemark.Storage.MqttStatus, bool> isWanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (TidemarkServer.ReadMqtt(server.App) is not { } status || !isWanted(status))
        {
            await Task.Delay(10, patience.Token);
        }
    }

    private static async Task<int> EndAsync(NetworkStream stream)
    {
        try
        {
            return await stream.ReadAsync(new byte[16]);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    [GeneratedRegex("kept")]
    private static partial Regex Kept();
}
