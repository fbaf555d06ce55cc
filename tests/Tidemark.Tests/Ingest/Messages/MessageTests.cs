using System.Globalization;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.Ingest.Messages;

namespace Tidemark.Tests.Ingest.Messages;

public sealed class MessageTests
{
    private static readonly Instant Arrival = Instant.Utc(2026, 11, 22, 10, 30);

    [Theory]
    [InlineData("sensors/a", """{"temperature":21.5,"bme":{"pressure":1000,"ok":true},"on":false,"note":"x","gap":null}""",
        "a 2026-11-22T10:30:00Z bme_ok=1 bme_pressure=1000 on=0 temperature=21.5")]
    [InlineData("sensors/a", """{"ts":1795338000000,"power":[1,2.5]}""", "a 2026-11-22T09:00:00Z power_1=1 power_2=2.5")]
    [InlineData("sensors/a", """[{"Time":"2026-11-22T09:00:00Z","t":1},{"timestamp":"2026-11-22T09:00:01.5+00:00","t":2}]""",
        "a 2026-11-22T09:00:00Z t=1|a 2026-11-22T09:00:01.500000Z t=2")]
    [InlineData("sensors/a", """{"Temp °C":1,"\u00e9t\u00e9":2}""", "a 2026-11-22T10:30:00Z ete=2 temp_c=1")]
    [InlineData("sensors/a", """{"sensor_id":"other","t":1}""", "a 2026-11-22T10:30:00Z t=1")]
    [InlineData("sensors/a", """{}""", "")]
    // As Tasmota's documentation has it: no zone is told, so the time of arrival counts.
    [InlineData("tele/plug/SENSOR", """{"Time":"2017-02-16T10:13:52","DS18B20":{"Id":"0","Temperature":20.6},"TempUnit":"C"}""",
        "plug 2026-11-22T10:30:00Z ds18b20_temperature=20.6")]
    [InlineData("zigbee2mqtt/kitchen/lamp",
        """{"brightness":215,"state":"ON","last_seen":"2026-11-22T11:00:00+01:00","update":{"progress":5}}""",
        "kitchen/lamp 2026-11-22T10:00:00Z brightness=215")]
    [InlineData("zigbee2mqtt/door", """{"battery":97,"last_seen":1795338000000}""", "door 2026-11-22T09:00:00Z battery=97")]
    [InlineData("v3/app1@ttn/devices/eui-1/up",
        """
        {"end_device_ids":{"device_id":"eui-1"},"received_at":"2026-11-22T09:00:01.2Z","uplink_message":{"f_port":2,
        "decoded_payload":{"temp":7.5,"door":{"open":true}},"rx_metadata":[{"rssi":-42}],"received_at":"2026-11-22T09:00:00.656299995Z"}}
        """,
        "eui-1 2026-11-22T09:00:00.656299Z door_open=1 temp=7.5")]
    [InlineData("application/9f/device/a84041/event/up",
        """
        {"deduplicationId":"x","time":"2026-11-22T09:00:00.775023242+00:00","deviceInfo":{"devEui":"a84041","deviceName":"n"},"fPort":2,
        "object":{"temp":7.5,"time":3},"rxInfo":[{"rssi":-36}]}
        """,
        "a84041 2026-11-22T09:00:00.775023Z m_time=3 temp=7.5")]
    public void Presets_need_no_rule(string topic, string payload, string readings)
        => Assert.Equal((readings, null), Read(topic, payload, []));

    [Theory]
    [InlineData("zigbee2mqtt/bridge/state"), InlineData("zigbee2mqtt/lamp/set"), InlineData("zigbee2mqtt/kitchen/lamp/get")]
    [InlineData("zigbee2mqtt/lamp/availability")]
    [InlineData("zigbee2mqtt/lamp/set/state"), InlineData("tele/plug/STATE"), InlineData("other")
        ]
    public void What_is_no_measurement_is_passed_over(string topic) => Assert.Null(Find(topic, [])?.Rule);

    [Theory]
    [InlineData("site/pump/flow", "3.5", "pump 2026-11-22T10:30:00Z flow=3.5")]
    [InlineData("site/pump/flow", " -1e3\n", "pump 2026-11-22T10:30:00Z flow=-1000")]
    [InlineData("site/pump/on", "ON", "pump 2026-11-22T10:30:00Z on=1")]
    [InlineData("site/pump/on", "false", "pump 2026-11-22T10:30:00Z on=0")]
    [InlineData("json/pump/flow", "3.5", "pump 2026-11-22T10:30:00Z flow=3.5")]
    [InlineData("json/pump/flow", """{"value":3.5,"ts":1795338000,"max":4}""", "pump 2026-11-22T09:00:00Z flow=3.5 flow_max=4")]
    [InlineData("lines/x", "m,host=a t=1,u=2i 1795338000\nm,host=b t=3", "a 2026-11-22T09:00:00Z m_t=1 m_u=2|b 2026-11-22T10:30:00Z m_t=3")]
    [InlineData("local/a", """{"time":"2026-10-25 02:30:00","t":1}""", "a 2026-10-25T01:30:00Z t=1")]
    [InlineData("local/a", """{"time":"2026-07-01T12:00:00","t":1}""", "a 2026-07-01T10:00:00Z t=1")]
    [InlineData("id", """[{"sensor_id":"x","t":1},{"sensor_id":"y","t":2}]""", "x 2026-11-22T10:30:00Z t=1|y 2026-11-22T10:30:00Z t=2")]
    public void Rules_turn_messages_into_readings(string topic, string payload, string readings)
        => Assert.Equal((readings, null), Read(topic, payload, Rules));

    [Theory]
    [InlineData("sensors/a", "nonsense", "",
        "payload: not valid JSON: 'nonsense' is an invalid JSON literal. Expected the literal 'null' (byte 2)")]
    [InlineData("sensors/a", "", "",
        "payload: not valid JSON: The input does not contain any JSON tokens.")]
    [InlineData("sensors/a", "3", "", "payload: a reading is an object, not 3")]
    [InlineData("sensors/a", """[{"t":1},7]""", "a 2026-11-22T10:30:00Z t=1", "payload: an element of the array is not an object")]
    [InlineData("sensors/a", """[{"t":1e999},{"t":2}]""", "a 2026-11-22T10:30:00Z t=2", "payload: t 1e999 is too large for a double")]
    [InlineData("sensors/a", """{"time":"2026-11-22T10:00:00","t":1}""", "",
        "time: time '2026-11-22T10:00:00' has no zone: say which one it is in with the rule's time_zone or mqtt:time_zone")]
    [InlineData("sensors/a", """{"time":1795338000,"t":1}""", "",
        "time: time 1795338000 looks like seconds, not milliseconds: say so with time_unit: s")]
    [InlineData("sensors/a", """{"time":[1],"t":1}""", "", "time: time is [1], not RFC 3339 text or a number")]
    [InlineData("sensors/a", """{"t":1,"T":2}""", "", "payload: t stands twice, here as 'T'")]
    [InlineData("sensors/a", """{"温":1}""", "", "name: '温' can't be made the name of a metric: 1 to 48 letters (a to z) and digits")]
    [InlineData("sensors/", """{"t":1}""", "", "name: sensor_id is missing or empty")]
    [InlineData("sensors/a", """{"time":"2036-11-22T10:00:00Z","t":1}""", "",
        "reading: time 2036-11-22T10:00:00Z is more than 3600 s ahead of the server's clock")]
    [InlineData("site/pump/flow", "x", "", "payload: 'x' is not a number, true, false, on or off")]
    [InlineData("site/pump/flow", "NaN", "", "payload: 'NaN' is not a number, true, false, on or off")]
    [InlineData("lines/x", "m,host=a t=1\nm,host=b", "a 2026-11-22T10:30:00Z m_t=1", "payload: line 2: ")]
    [InlineData("v3/a/devices/b/up", """{"uplink_message":{}}""", "",
        "payload: there is no object uplink_message.decoded_payload: does the network server decode payloads?")]
    [InlineData("id", """{"t":1}""", "", "name: sensor_id is missing or empty")]
    public void What_is_wrong_is_told_and_leaves_the_rest(string topic, string payload, string readings, string fault)
    {
        var (read, found) = Read(topic, payload, Rules);
        Assert.Equal(readings, read);
        Assert.StartsWith(fault, found, StringComparison.Ordinal);
    }

    private static readonly (string, string)[] Rules =
    [
        ("mqtt:topics:0:topic", "site/{sensor}/{metric}"), ("mqtt:topics:0:format", "value"),
        ("mqtt:topics:1:topic", "json/{sensor}/{metric}"), ("mqtt:topics:1:time_unit", "s"),
        ("mqtt:topics:2:topic", "lines/#"), ("mqtt:topics:2:format", "influx"), ("mqtt:topics:2:time_unit", "s"),
        ("mqtt:topics:3:topic", "local/{sensor}"), ("mqtt:topics:3:time_zone", "Europe/Berlin"),
        ("mqtt:topics:4:topic", "id"),
    ];

    private static TidemarkOptions Options((string Key, string Value)[] settings) => OptionsLoader.Load(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build());

    private static (TopicRule Rule, string? Sensor, string? Metric)? Find(string topic, (string, string)[] settings)
        => Options(settings).Mqtt.Rules.Select(rule => rule.Topic.TryMatch(topic, out var sensor, out var metric)
            ? (rule, sensor, metric)
            : ((TopicRule Rule, string? Sensor, string? Metric)?)null)
            .FirstOrDefault(found => found is not null) is { } match && !match.Rule.Skip ? match : null;

    /// <returns>The readings, each as sensor, time and its values in the order of their names; the first fault.</returns>
    private static (string Readings, string? Fault) Read(string topic, string payload, (string, string)[] settings)
    {
        var found = Find(topic, settings)!.Value;
        var clock = new FakeTimeProvider(Arrival.ToDateTimeOffset());
        var options = Options(settings);
        var into = new MessageReadings(options.Schema, options, clock, null);
        var fault = new Message(found.Rule, found.Sensor, found.Metric, Encoding.UTF8.GetBytes(payload), Arrival).Read(into);
        var batch = into.Batch;
        var readings = Enumerable.Range(0, batch.Count).Select(row => batch[row]).Select(reading => string.Join(' ', [
            reading.SensorId, reading.Time.ToString(),
            .. batch.Metrics.Zip(reading.Values).Where(m => !double.IsNaN(m.Second)).OrderBy(m => m.First, StringComparer.Ordinal)
                .Select(m => string.Create(CultureInfo.InvariantCulture, $"{m.First}={m.Second}")),
        ]));
        return (string.Join('|', readings), fault is null ? null : $"{fault.Reason}: {fault.Error}");
    }
}
