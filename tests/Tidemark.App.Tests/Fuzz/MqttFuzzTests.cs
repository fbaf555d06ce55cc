using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf;
using Tidemark.App.Tests.Mqtt;
using Tidemark.App.Tests.Mqtt.Schema;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>
/// Broken messages and packets to the server as broker: every message is acknowledged, and no packet ends another's connection.
/// </summary>
public sealed class MqttFuzzTests
{
    private const int Workers = 16;

    private static readonly (string Topic, byte[] Payload)[] Messages =
    [
        Text("sensors/hall", """{"time":"2024-05-01T10:00:00Z","temperature":21.5,"bme280":{"pressure":2.5},"motion":true,"note":"x"}"""),
        Text("sensors/hall", """[{"ts":1714557600000,"t":1},{"timestamp":1714557601000,"t":2,"sensor_id":"x"}]"""),
        Text("tele/plug/SENSOR", """{"Time":"2024-05-01T10:30:00","ENERGY":{"Power":[12,7.5],"Voltage":230},"TempUnit":"C"}"""),
        Text(
            "zigbee2mqtt/kitchen/door",
            """{"battery":97,"contact":false,"linkquality":120,"last_seen":"2024-05-01T10:00:00Z","update":{"a":1}}"""),
        Text(
            "v3/farm@ttn/devices/eui-70b3/up",
            """{"uplink_message":{"decoded_payload":{"soil":{"moisture":31.5}},"received_at":"2024-05-01T10:00:00.5Z"}}"""),
        Text(
            "application/9f1c/device/a84041ff/event/up",
            """{"time":"2024-05-01T10:00:00.5+00:00","object":{"level":2.75},"rxInfo":[{"rssi":-48}]}"""),
        Text("site/pump-1/flow", "3.75"),
        Text("site/pump-1/running", "on"),
        Text("lab/oven", """[{"ts":1714557600,"celsius":180},{"ts":1714557601,"celsius":181}]"""),
        Text("telegraf/pi3", "cpu,host=pi3,cpu=cpu0 usage_idle=97.5,note=\"x\" 1714557600000000000\nmem,host=pi3 free=1024i\n"),
        ("spBv1.0/plant/NBIRTH/press", Sparkplug("Force (kN)", 1, 9, m => m.FloatValue = 1.5f)),
        ("spBv1.0/plant/DBIRTH/press/arm", Sparkplug("Angle", 10, 2, m => m.IntValue = 3)),
        ("spBv1.0/plant/NDATA/press", Sparkplug(null, 1, null, m => m.DoubleValue = 2.5)),
        ("spBv1.0/plant/DDATA/press/arm", Sparkplug(null, 10, null, m => m.LongValue = ulong.MaxValue)),
        ("spBv1.0/plant/NDEATH/press", Sparkplug("bdSeq", 0, 4, m => m.LongValue = 0)),
        Text("home/of/no/rule", "whatever"),
    ];

    private static readonly byte[][] Sessions =
    [
        [
            .. MqttWire.Connect(MqttWire.Version311, "device"), .. MqttWire.Subscribe(MqttWire.Version311, 7, "home/#"),
            .. MqttWire.Publish(MqttWire.Version311, 1, 8, "sensors/x"u8, """{"t":1}"""u8), .. MqttWire.Ping, .. MqttWire.Disconnect,
        ],
        [
            .. MqttWire.Connect(MqttWire.Version5, ""), .. MqttWire.Publish(MqttWire.Version5, 2, 3, "sensors/x"u8, """{"t":1}"""u8),
            .. MqttWire.Subscribe(MqttWire.Version5, 7, "+/x"), .. MqttWire.Publish(MqttWire.Version5, 0, 0, "sensors/y"u8, "[]"u8),
        ],
    ];

    [Fact]
    public async Task Messages_of_all_kinds()
    {
        var port = Mosquitto.FreePort();
        using var server = await FuzzedServer.StartAsync("--mqtt", $"mqtt://127.0.0.1:{port}");
        var run = new FuzzRun("MQTT messages", 6_000);
        var connections = new ConcurrentBag<(byte Version, MqttWire Wire)>();
        await run.SendAsync(Workers, async (number, random) =>
        {
            if (!connections.TryTake(out var connection))
            {
                var version = random.Next(2) == 0 ? MqttWire.Version311 : MqttWire.Version5;
                connection = (version, await MqttWire.ConnectAsync(port, version, $"fuzz-{number}"));
            }

            var (topic, payload) = Message(random);
            var qos = random.Next(10) == 0 ? 0 : 1;
            await connection.Wire.SendAsync((byte[])
            [
                .. MqttWire.Publish(connection.Version, qos, 1, topic, payload),
                .. MqttWire.Publish(connection.Version, 1, 2, "sensors/mqtt"u8, Canary(number)),
            ]);
            try
            {
                await connection.Wire.AcknowledgedAsync(qos == 0 ? [2] : [1, 2]);
            }
            catch (Exception e)
            {
                throw run.Failed(number, $"{e.Message}; {Encoding.UTF8.GetString(topic)}, {FuzzRun.Show(payload)}");
            }

            connections.Add(connection);
        }, server.NoteMemory);
        foreach (var (_, wire) in connections)
        {
            wire.Dispose();
        }

        var stored = await server.ValuesAsync("mqtt");
        Assert.Equal(Enumerable.Range(0, run.Count).Select(number => (long)number), stored.Order());
        var mqtt = (await server.GetAsync("/api/status"))["mqtt"]!;
        Assert.Equal(0, mqtt["waiting"]!.GetValue<long>());
        TestContext.Current.TestOutputHelper?.WriteLine($"{run.Count} messages: {mqtt["readings"]} readings, {mqtt["refused"]}");
        await server.CheckAsync();
    }

    [Fact]
    public async Task Packets()
    {
        var port = Mosquitto.FreePort();
        using var server = await FuzzedServer.StartAsync("--mqtt", $"mqtt://127.0.0.1:{port}");
        using var other = await MqttWire.ConnectAsync(port, MqttWire.Version311, "other");
        var run = new FuzzRun("MQTT packets", 1_500);
        await run.SendAsync(Workers, async (number, random) =>
        {
            var session = new Mutator(random).Change(Any(Sessions, random), Any(Sessions, random));
            using var wire = await MqttWire.OpenAsync(port);
            try
            {
                await wire.SendAsync(session);
                await wire.EndAsync();
            }
            catch (Exception e)
            {
                throw run.Failed(number, $"{e.Message}; {FuzzRun.Show(session)}");
            }
        }, server.NoteMemory);

        // One that was connected all the time still is.
        await other.SendAsync(MqttWire.Publish(MqttWire.Version311, 1, 1, "sensors/mqtt"u8, Canary(1)));
        await other.AcknowledgedAsync([1]);
        Assert.Equal([1], await server.ValuesAsync("mqtt"));
        Assert.Equal(1, (await server.GetAsync("/api/status"))["mqtt"]!["clients"]!.GetValue<int>());
        await server.CheckAsync();
    }

    /// <summary>Its topic is one that a client may publish to.</summary>
    private static (byte[] Topic, byte[] Payload) Message(Random random)
    {
        var mutator = new Mutator(random);
        var (topic, payload) = Messages[random.Next(Messages.Length)];
        var changed = Encoding.UTF8.GetBytes(topic);
        if (random.Next(4) == 0)
        {
            changed = mutator.Change(changed, Encoding.UTF8.GetBytes(Messages[random.Next(Messages.Length)].Topic));
            var text = string.Concat(Encoding.UTF8.GetString(changed).Where(c => c is not ('+' or '#' or '\0')));
            changed = Encoding.UTF8.GetBytes(text.Length == 0 ? "x" : text);
        }

        var other = Messages[random.Next(Messages.Length)].Payload;
        return (changed.Length > ushort.MaxValue ? "x"u8.ToArray() : changed, mutator.Change(payload, other));
    }

    private static byte[] Canary(int number)
        => Encoding.UTF8.GetBytes($$"""{"time":{{1_000_000_000_000 + (number * 1000L)}},"v":{{number}}}""");

    private static byte[] Any(byte[][] bodies, Random random) => bodies[random.Next(bodies.Length)];

    private static (string Topic, byte[] Payload) Text(string topic, string payload) => (topic, Encoding.UTF8.GetBytes(payload));

    private static byte[] Sparkplug(string? name, ulong alias, uint? type, Action<PayloadMetric> set)
    {
        var payload = new Payload { Timestamp = 1_714_557_600_000, Seq = alias };
        for (var time = 0UL; time < 3; time++)
        {
            var metric = new PayloadMetric { Alias = alias, Timestamp = 1_714_557_600_000 + time };
            set(metric);
            if (name is not null)
            {
                metric.Name = name;
            }

            if (type is not null)
            {
                metric.Datatype = type.Value;
            }

            payload.Metrics.Add(metric);
        }

        return payload.ToByteArray();
    }
}
