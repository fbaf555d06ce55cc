using System.Buffers;
using System.Threading.Channels;
using Google.Protobuf;
using MQTTnet;
using MQTTnet.Protocol;
using Tidemark.App.Tests.Http;
using Tidemark.App.Tests.Mqtt.Schema;
using Tidemark.Server.Hosting;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>An edge node of Sparkplug B, whose payloads are made from the schema, and the server as its broker.</summary>
public sealed class SparkplugTests : IAsyncLifetime
{
    private const uint Int16 = 2;
    private const uint Float = 9;
    private const uint Boolean = 11;

    private static readonly Instant Now = Instant.Utc(2026, 11, 22, 10, 30);

    private readonly IMqttClient _node = new MqttClientFactory().CreateMqttClient();
    private readonly Channel<Payload> _commands = Channel.CreateUnbounded<Payload>();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(("mqtt:listen", "mqtt://127.0.0.1:0"));
        var port = new Uri(TidemarkServer.MqttAddresses(_server.App).Single()).Port;
        _node.ApplicationMessageReceivedAsync += e =>
        {
            _commands.Writer.TryWrite(Payload.Parser.ParseFrom(e.ApplicationMessage.Payload));
            return Task.CompletedTask;
        };
        await _node.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port).WithClientId("node").Build());
        await _node.SubscribeAsync("spBv1.0/plant/NCMD/press");
    }

    public async ValueTask DisposeAsync()
    {
        _node.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Births_give_names_types_and_aliases_that_data_uses()
    {
        await BeAsync();
        await PublishAsync("DDATA", "/arm", 3, Alias(10, m => m.IntValue = unchecked((ushort)-7)), Alias(11, m => m.BooleanValue = true));
        var arm = await CurrentAsync("plant/press/arm");
        Assert.Equal((-7, 1), (arm["angle"]!.GetValue<double>(), arm["grip_closed"]!.GetValue<double>()));

        await PublishAsync("NDATA", "", 4, Alias(1, m => m.FloatValue = 2.5f));
        var press = await CurrentAsync("plant/press");
        Assert.Equal(2.5, press["force_kn"]!.GetValue<double>());
        Assert.Null(press["bdseq"]);
        Assert.False(_commands.Reader.TryRead(out _));
    }

    [Fact]
    public async Task Metrics_of_one_instant_are_one_reading_and_what_is_historical_is_late()
    {
        await BeAsync();
        await PublishAsync(
            "DDATA", "/arm", 3, Alias(10, m => (m.IntValue, m.Timestamp, m.IsHistorical) = (5, Millis(-3600), true)),
            Alias(11, m => (m.BooleanValue, m.Timestamp, m.IsHistorical) = (false, Millis(-3600), true)), Alias(10, m => m.IntValue = 6));
        var rows = (await _server.GetAsync("/api/sensors/plant%2Fpress%2Farm/raw?period=1d"))["data"]!.AsArray();
        Assert.Equal(["2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"], rows.Select(r => r!["time"]!.GetValue<string>()));
        Assert.Equal((5, 0), (rows[0]!["angle"]!.GetValue<double>(), rows[0]!["grip_closed"]!.GetValue<double>()));
        Assert.Equal((6, 1), (rows[1]!["angle"]!.GetValue<double>(), rows[1]!["grip_closed"]!.GetValue<double>()));
    }

    [Fact]
    public async Task A_gap_has_the_node_asked_for_its_births_and_data_goes_on()
    {
        await BeAsync();
        await PublishAsync("NDATA", "", 9, Alias(1, m => m.FloatValue = 2));
        await AskedAsync();
        Assert.Equal(2, (await CurrentAsync("plant/press"))["force_kn"]!.GetValue<double>());
        // It is asked once, until it had time to answer.
        await PublishAsync("NDATA", "", 12, Alias(1, m => m.FloatValue = 3));
        Assert.False(_commands.Reader.TryRead(out _));
    }

    [Fact]
    public async Task An_alias_that_no_birth_told_has_births_asked_for_and_is_counted()
    {
        await PublishAsync("NDATA", "", 7, Alias(1, m => m.FloatValue = 2), new PayloadMetric { Name = "Speed", DoubleValue = 4 });
        await AskedAsync();
        Assert.Equal(4, (await CurrentAsync("plant/press"))["speed"]!.GetValue<double>());
        var status = TidemarkServer.ReadMqtt(_server.App)!;
        Assert.Equal((1, "birth"), (status.Refused["birth"], status.LastRefused[0].Reason));

        await BeAsync();
        await PublishAsync("NDATA", "", 3, Alias(1, m => m.FloatValue = 5));
        Assert.Equal(5, (await CurrentAsync("plant/press"))["force_kn"]!.GetValue<double>());
    }

    [Fact]
    public async Task After_its_death_a_node_is_asked_and_the_death_of_a_connection_before_is_of_no_account()
    {
        await BeAsync(birthNumber: 5);
        await PublishAsync("NDEATH", "", null, BirthNumber(4));
        await PublishAsync("NDATA", "", 3, Alias(1, m => m.FloatValue = 2));
        Assert.False(_commands.Reader.TryRead(out _));
        await PublishAsync("NDEATH", "", null, BirthNumber(5));
        await PublishAsync("NDATA", "", 4, Alias(1, m => m.FloatValue = 2));
        await AskedAsync();
    }

    [Fact]
    public async Task What_is_no_payload_is_refused_and_states_of_hosts_are_passed_over()
    {
        await PublishAsync("spBv1.0/plant/NDATA/press", "nonsense"u8.ToArray());
        await PublishAsync("spBv1.0/STATE/host", """{"online":true}"""u8.ToArray());
        Assert.Equal("payload=1", string.Join(' ', TidemarkServer.ReadMqtt(_server.App)!.Refused.Select(r => $"{r.Key}={r.Value}")));
    }

    private async Task BeAsync(ulong birthNumber = 0)
    {
        await PublishAsync(
            "NBIRTH", "", 0, BirthNumber(birthNumber), new PayloadMetric { Name = "Node Control/Rebirth", Datatype = Boolean },
            Named("Force (kN)", 1, Float, m => m.FloatValue = 1.5f));
        await PublishAsync(
            "DBIRTH", "/arm", 1, Named("Angle", 10, Int16, m => m.IntValue = 3), Named("Grip/Closed", 11, Boolean, m => m.IsNull = true),
            new PayloadMetric { Name = "Note", Datatype = 12 });
        await PublishAsync("DDATA", "/arm", 2, Alias(11, m => m.BooleanValue = true));
    }

    private static PayloadMetric BirthNumber(ulong number) => new() { Name = "bdSeq", Datatype = 4, LongValue = number };

    private static PayloadMetric Named(string name, ulong alias, uint type, Action<PayloadMetric> set)
    {
        var metric = Alias(alias, set);
        (metric.Name, metric.Datatype) = (name, type);
        return metric;
    }

    private static PayloadMetric Alias(ulong alias, Action<PayloadMetric> set)
    {
        var metric = new PayloadMetric { Alias = alias };
        set(metric);
        return metric;
    }

    private static ulong Millis(int seconds) => (ulong)((Now + TimeSpan.FromSeconds(seconds)).Micros / 1000);

    private Task PublishAsync(string type, string device, ulong? seq, params PayloadMetric[] metrics)
    {
        var payload = new Payload { Timestamp = Millis(0) };
        payload.Metrics.Add(metrics);
        if (seq is { } number)
        {
            payload.Seq = number;
        }

        return PublishAsync($"spBv1.0/plant/{type}/press{device}", payload.ToByteArray());
    }

    /// <summary>Sparkplug publishes at most once; an acknowledgement tells the test when the message was taken.</summary>
    private Task PublishAsync(string topic, byte[] payload) => _node.PublishAsync(new MqttApplicationMessageBuilder()
        .WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build());

    private async Task AskedAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var command = await _commands.Reader.ReadAsync(patience.Token);
        Assert.Equal(("Node Control/Rebirth", true), (command.Metrics[0].Name, command.Metrics[0].BooleanValue));
    }

    private Task<System.Text.Json.Nodes.JsonNode> CurrentAsync(string sensor)
        => _server.GetAsync($"/api/sensors/{Uri.EscapeDataString(sensor)}/current");
}
