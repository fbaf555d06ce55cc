using System.Text.RegularExpressions;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Mqtt;

namespace Tidemark.App.Tests.Devices;

/// <summary>
/// What docs/devices.md says for ESP devices. The sketch runs, with stand-ins for the libraries of the board (Devices/arduino); of Tasmota
/// and ESPHome the messages are sent that their sources make, since a firmware can't run here.
/// </summary>
public sealed partial class FirmwareTests
{
    [Fact]
    public async Task The_sketch_publishes()
    {
        Tool.Require(Tool.Find("g++") is not null, "g++");
        using var server = await DeviceServer.StartAsync();
        var folder = server.Folder;
        folder.Write("sketch.cpp", server.Fill(DevicesPage.Block("A sketch with PubSubClient", "cpp")));
        var libraries = Repository.PathOf("tests/Tidemark.App.Tests/Devices/arduino");
        var program = Path.Combine(folder.Path, "sketch");
        var compiled = await Tool.RunAsync(
            "g++", "-std=c++17", "-Wall", "-Werror", "-I", libraries, "-include", "Arduino.h", "-o", program,
            Path.Combine(folder.Path, "sketch.cpp"), Path.Combine(libraries, "main.cpp"));
        Assert.True(compiled.ExitCode == 0, compiled.Error);
        var run = await Tool.RunAsync(program);
        Assert.True(run.ExitCode == 0, run.Error);
        var reading = await server.ReadingAsync("esp-attic", "temperature", "rssi");
        Assert.Equal((53.33, -61), (reading["temperature"]!.GetValue<double>(), reading["rssi"]!.GetValue<double>()));
    }

    /// <summary>Its topics are <c>%prefix%/%topic%/</c> and the name, QoS 0; times are local and have no zone.</summary>
    [Fact]
    public async Task Tasmota_publishes_what_its_sensors_measure()
    {
        Mosquitto.RequireClients();
        using var server = await DeviceServer.StartAsync();
        var backlog = server.Fill(DevicesPage.Block("Tasmota", "text")).Trim();
        Assert.StartsWith("Backlog ", backlog);
        var settings = backlog["Backlog ".Length..].Split("; ").Select(s => s.Split(' ')).ToDictionary(s => s[0], s => s[1]);
        await PublishAsync("LWT", "Online", "-r");
        await PublishAsync("STATE", """{"Time":"2026-11-22T10:30:00","Uptime":"0T00:05:10","Wifi":{"AP":1,"RSSI":74,"Signal":-63}}""");
        await PublishAsync("SENSOR", """{"Time":"2026-11-22T10:30:00","DS18B20":{"Id":"0316A279","Temperature":54.1},"TempUnit":"C"}""");
        var reading = await server.ReadingAsync("boiler", "ds18b20_temperature");
        Assert.Equal(54.1, reading["ds18b20_temperature"]!.GetValue<double>());
        Assert.InRange(
            DateTimeOffset.Parse(reading["time"]!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture),
            DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Equal("{}", (await server.StatusAsync())["mqtt"]!["refused"]!.ToJsonString());

        async Task PublishAsync(string name, string payload, params string[] options)
        {
            Assert.Equal("127.0.0.1", settings["MqttHost"]);
            var port = int.Parse(settings["MqttPort"], System.Globalization.CultureInfo.InvariantCulture);
            var published = await Mosquitto.PublishAsync(
                port, $"tele/{settings["Topic"]}/{name}", payload,
                ["-V", "311", "-i", "DVES_A1B2C3", "-u", settings["MqttUser"], "-P", settings["MqttPassword"], .. options]);
            Assert.Equal((0, ""), (published.ExitCode, published.Error));
        }
    }

    /// <summary>Its component publishes to <c>PREFIX/TYPE/ID/state</c>, retained, and besides its log and its own state.</summary>
    [Fact]
    public async Task ESPHome_publishes_each_value_alone()
    {
        Mosquitto.RequireClients();
        using var server = await DeviceServer.StartAsync(DevicesPage.Block("ESPHome", "json"));
        var settings = Setting().Matches(server.Fill(DevicesPage.Block("ESPHome", "yaml")))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Assert.Equal(("127.0.0.1", "!secret tidemark_key"), (settings["broker"], settings["password"]));
        await PublishAsync("status", "online", "-r");
        await PublishAsync("debug", "[D][sensor:093]: 'temperature': Sending state 18.25000 °C with 1 decimals of accuracy");
        await PublishAsync("sensor/temperature/state", "18.2", "-r");
        await PublishAsync("binary_sensor/window/state", "ON", "-r");
        var reading = await server.ReadingAsync("esp-attic", "window");
        Assert.Equal(1, reading["window"]!.GetValue<double>());
        var status = (await server.StatusAsync())["mqtt"]!;
        Assert.Equal((2, "{}"), (status["readings"]!.GetValue<int>(), status["refused"]!.ToJsonString()));

        async Task PublishAsync(string name, string payload, params string[] options)
        {
            var published = await Mosquitto.PublishAsync(
                server.MqttPort, $"esp-attic/{name}", payload,
                ["-V", "311", "-i", "esp-attic-a1b2c3", "-u", settings["username"], "-P", server.Key, .. options]);
            Assert.Equal((0, ""), (published.ExitCode, published.Error));
        }
    }

    [GeneratedRegex(@"^  (\w+): (.*)$", RegexOptions.Multiline)]
    private static partial Regex Setting();
}
