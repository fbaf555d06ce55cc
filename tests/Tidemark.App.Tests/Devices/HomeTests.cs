using System.Text.RegularExpressions;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Mqtt;

namespace Tidemark.App.Tests.Devices;

/// <summary>
/// What docs/devices.md says for Home Assistant and LoRaWAN: mosquitto stands for their brokers, and gets what they publish, after their
/// sources; they are not to be had here.
/// </summary>
public sealed partial class HomeTests
{
    [Fact]
    public async Task Home_Assistant_writes_as_to_InfluxDB()
    {
        var library = await Tool.RunAsync("/usr/bin/env", "/usr/bin/python3", "-c", "import influxdb");
        Tool.Require(library.ExitCode == 0, "python3-influxdb");
        using var server = await DeviceServer.StartAsync(DevicesPage.Block("Home Assistant", "json", 0));
        var settings = Setting().Matches(DevicesPage.Block("Home Assistant", "yaml", 0))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Assert.Equal(
            ("192.168.1.10", "5000", "false", "!secret tidemark_key", "domain__device_class"),
            (settings["host"], settings["port"], settings["ssl"], settings["password"], settings["measurement_attr"]));
        var script = Repository.PathOf("tests/Tidemark.App.Tests/Devices/home-assistant.py");
        var run = await Tool.RunAsync(
            "/usr/bin/python3", script, server.Address.Host, $"{server.Address.Port}", settings["username"], server.Key,
            settings["database"]);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(21.5, (await server.ReadingAsync("sensor.hall_temperature"))["sensor__temperature"]!.GetValue<double>());
        Assert.Equal(1, (await server.ReadingAsync("binary_sensor.front_door"))["binary_sensor__door"]!.GetValue<double>());
    }

    /// <summary>A state goes to <c>BASE/DOMAIN/ENTITY/state</c> as text, with QoS 1 and retained.</summary>
    [Fact]
    public async Task Home_Assistant_publishes_states()
    {
        using var broker = await BrokerAsync("tidemark");
        using var server = await StartAsync(DevicesPage.Block("Home Assistant", "json", 1), "192.168.1.20:1883", broker, "broker-password");
        var topic = Setting().Match(DevicesPage.Block("Home Assistant", "yaml", 1)).Groups[2].Value;
        await PublishAsync(broker, "tidemark", $"{topic}/sensor/hall_temperature/state", "21.5", "-q", "1", "-r");
        await PublishAsync(broker, "tidemark", $"{topic}/sensor/hall_humidity/state", "unavailable", "-q", "1", "-r");
        await PublishAsync(broker, "tidemark", $"{topic}/binary_sensor/front_door/state", "on", "-q", "1", "-r");
        Assert.Equal(21.5, (await server.ReadingAsync("hall_temperature"))["state"]!.GetValue<double>());
        Assert.Equal(1, (await server.ReadingAsync("front_door"))["state"]!.GetValue<double>());
        Assert.Equal("""{"payload":1}""", (await server.StatusAsync())["mqtt"]!["refused"]!.ToJsonString());
    }

    /// <summary>
    /// An uplink as its documentation shows it, shortened by what says nothing new. Its broker speaks MQTT 3.1.1 and QoS 0 alone.
    /// </summary>
    [Fact]
    public async Task The_Things_Stack_publishes_uplinks()
    {
        using var broker = await BrokerAsync("farm@ttn");
        using var server = await StartAsync(
            DevicesPage.Block("LoRaWAN", "json", 0).Replace("mqtts:", "mqtt:", StringComparison.Ordinal),
            "eu1.cloud.thethings.network:8883", broker, "ttn-key");
        const string Uplink = """
            {
              "end_device_ids": {
                "device_id": "eui-70b3d57ed0041234", "application_ids": { "application_id": "farm" }, "dev_eui": "70B3D57ED0041234",
                "join_eui": "0000000000000000", "dev_addr": "260B41F4"
              },
              "correlation_ids": ["as:up:01GTEY0DS4FQ", "gs:conn:01GTE1B1JAQ"],
              "received_at": "2026-11-20T10:00:00.698Z",
              "uplink_message": {
                "session_key_id": "AYaYl6TYJq4YIAgC", "f_port": 1, "f_cnt": 42, "frm_payload": "AQIDBA==",
                "decoded_payload": { "soil": { "moisture": 31.5, "ec": 0.42 }, "battery": 3.61, "status": "ok" },
                "rx_metadata": [{ "gateway_ids": { "gateway_id": "roof" }, "rssi": -81, "snr": 9.5 }],
                "settings": { "data_rate": { "lora": { "bandwidth": 125000, "spreading_factor": 7 } }, "frequency": "868100000" },
                "received_at": "2026-11-20T10:00:00.487Z", "consumed_airtime": "0.056576s"
              }
            }
            """;
        await PublishAsync(broker, "farm@ttn", "v3/farm@ttn/devices/eui-70b3d57ed0041234/up", Uplink, "-V", "311");
        var reading = await server.ReadingAsync("eui-70b3d57ed0041234", "soil_moisture", "soil_ec", "battery");
        Assert.Equal(
            ("2026-11-20T10:00:00.487000Z", 31.5, 0.42, 3.61),
            (reading["time"]!.GetValue<string>(), Value("soil_moisture"), Value("soil_ec"), Value("battery")));

        double Value(string metric) => reading[metric]!.GetValue<double>();
    }

    /// <summary>An uplink in the JSON encoding of its integration's schema (integration.proto of version 4).</summary>
    [Fact]
    public async Task ChirpStack_publishes_uplinks()
    {
        using var broker = await BrokerAsync("anybody");
        const string User = "\"user\": \"anybody\", \"password_file\": \"key\", ";
        var settings = DevicesPage.Block("LoRaWAN", "json", 1).Replace("\"address\"", $"{User}\"address\"", StringComparison.Ordinal);
        using var server = await StartAsync(settings, "192.168.1.30:1883", broker, "key");
        const string Uplink = """
            {
              "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d", "time": "2026-11-20T09:34:15.775023242+00:00",
              "deviceInfo": {
                "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242", "tenantName": "ChirpStack",
                "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97", "applicationName": "Farm", "deviceProfileName": "Level",
                "deviceName": "Tank", "devEui": "a84041fffe123456", "tags": { "key": "value" }
              },
              "devAddr": "00189440", "adr": true, "dr": 1, "fCnt": 4, "fPort": 1, "confirmed": false, "data": "qg==",
              "object": { "level": 2.75, "valve_open": true },
              "rxInfo": [{ "gatewayId": "0016c001f153a14c", "rssi": -48, "snr": 9, "location": {} }],
              "txInfo": { "frequency": 867100000, "modulation": { "lora": { "bandwidth": 125000, "spreadingFactor": 11 } } }
            }
            """;
        const string Device = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/a84041fffe123456";
        await PublishAsync(broker, "anybody", $"{Device}/event/up", Uplink);
        await PublishAsync(broker, "anybody", $"{Device}/event/status", "{}");
        var reading = await server.ReadingAsync("a84041fffe123456", "level", "valve_open");
        Assert.Equal(
            ("2026-11-20T09:34:15.775023Z", 2.75, 1),
            (reading["time"]!.GetValue<string>(), reading["level"]!.GetValue<double>(), reading["valve_open"]!.GetValue<double>()));
    }

    /// <summary>One that lets in nobody else.</summary>
    private static async Task<Mosquitto> BrokerAsync(string user)
    {
        var broker = await Mosquitto.StartAsync();
        await broker.StopAsync();
        await File.WriteAllTextAsync(broker.PathOf("users"), $"{user}:secret\n");
        var hashed = await Tool.RunAsync(Mosquitto.Find("mosquitto_passwd")!, "-U", broker.PathOf("users"));
        Assert.Equal((0, ""), (hashed.ExitCode, hashed.Error));
        await broker.StartAgainAsync($"password_file {broker.PathOf("users")}");
        return broker;
    }

    /// <summary>A server with settings of the page, of which the broker's address is another one; it is connected.</summary>
    private static async Task<DeviceServer> StartAsync(string settings, string address, Mosquitto broker, string passwordFile)
    {
        Assert.Contains(address, settings, StringComparison.Ordinal);
        var server = await DeviceServer.StartAsync(
            settings.Replace(address, $"127.0.0.1:{broker.Port}", StringComparison.Ordinal), (passwordFile, "secret\n"));
        await server.ConnectedAsync();
        return server;
    }

    private static async Task PublishAsync(Mosquitto broker, string user, string topic, string payload, params string[] options)
    {
        var published = await Mosquitto.PublishAsync(broker.Port, topic, payload, ["-u", user, "-P", "secret", .. options]);
        Assert.Equal((0, ""), (published.ExitCode, published.Error));
    }

    [GeneratedRegex(@"^  (\w+): (.*)$", RegexOptions.Multiline)]
    private static partial Regex Setting();
}
