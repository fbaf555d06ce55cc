using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using MQTTnet;
using MQTTnet.Protocol;
using Tidemark.App.Tests.Mqtt;
using Tidemark.Server.Hosting;

namespace Tidemark.App.Tests.Alerts;

/// <summary>Alerts by MQTT: of the broker that the server is, and of Debian's.</summary>
public sealed class AlertMqttTests
{
    private const string TooHot = "name=too_hot metric=temperature above=30";

    private static readonly (string, string) Topic = ("alerts:mqtt:topic", "tidemark/alerts/{rule}/{sensor}");

    [Fact]
    public async Task They_are_published_by_the_broker_that_the_server_is()
    {
        await using var server = await AlertServer.StartAsync(
            [.. AlertServer.Settings(null, TooHot), ("mqtt:listen", "mqtt://127.0.0.1:0"), Topic, ("alerts:mqtt:retain", "true")]);
        using var client = new Subscriber(new Uri(TidemarkServer.MqttAddresses(server.App).Single()).Port);
        await client.ConnectAsync();
        await server.WriteAsync("hall/1+#%", "09:00:00", 31);
        var (topic, id, body, _) = (await client.TakeAsync(1))[0];
        Assert.Equal("tidemark/alerts/too_hot/hall%2F1%2B%23%25", topic);
        Assert.Equal(("alert.firing", "hall/1+#%"), ($"{body["type"]}", $"{body["data"]!["sensor_id"]}"));
        Assert.Matches("^alert_[0-9]{19}_[0-9a-f]{8}$", id);
        await server.WriteAsync("hall/1+#%", "09:01:00", 30);
        Assert.Equal("alert.resolved", $"{(await client.TakeAsync(2))[1].Body["type"]}");

        // Whoever comes later gets the last one, and no reading was made of any.
        using var late = new Subscriber(new Uri(TidemarkServer.MqttAddresses(server.App).Single()).Port);
        await late.ConnectAsync();
        var kept = Assert.Single(await late.TakeAsync(1));
        Assert.Equal(("alert.resolved", true), ($"{kept.Body["type"]}", kept.Retained));
        Assert.Equal(1, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());
        var receiver = (await server.StatusAsync())["receivers"]![0]!;
        Assert.Equal("mqtt 2 tidemark/alerts/{rule}/{sensor}", $"{receiver["name"]} {receiver["delivered"]} {receiver["address"]}");
    }

    [Fact]
    public async Task They_are_published_by_a_broker_that_the_server_subscribes_to_once_it_is_there()
    {
        Mosquitto.RequireClients();
        using var broker = await Mosquitto.StartAsync();
        await using var server = await AlertServer.StartAsync(
            [.. AlertServer.Settings(null, TooHot), ("mqtt:brokers:0:address", broker.Address), Topic]);
        using var client = new Subscriber(broker.Port);
        await client.ConnectAsync();
        await Until.TrueAsync(() => TidemarkServer.ReadMqtt(server.App)!.Brokers[0].Connected);
        await server.WriteAsync("a", "09:00:00", 31);
        Assert.Equal("tidemark/alerts/too_hot/a", (await client.TakeAsync(1))[0].Topic);

        await broker.StopAsync();
        await Until.TrueAsync(() => !TidemarkServer.ReadMqtt(server.App)!.Brokers[0].Connected);
        await server.WriteAsync("a", "09:01:00", 20);
        await Until.TrueAsync(async () =>
            $"{(await server.StatusAsync())["receivers"]![0]!["error"]}".StartsWith("not connected to mqtt://", StringComparison.Ordinal));
        await broker.StartAgainAsync();
        await client.ConnectAsync();
        await Until.TrueAsync(() => TidemarkServer.ReadMqtt(server.App)!.Brokers[0].Connected);
        await server.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("alert.resolved", $"{(await client.TakeAsync(2))[1].Body["type"]}");
    }

    private sealed record Published(string Topic, string? Id, JsonNode Body, bool Retained);

    /// <summary>A client that hears all alerts.</summary>
    private sealed class Subscriber(int port) : IDisposable
    {
        private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
        private readonly ConcurrentQueue<Published> _all = new();

        public async Task ConnectAsync()
        {
            _client.ApplicationMessageReceivedAsync -= TakeAsync;
            _client.ApplicationMessageReceivedAsync += TakeAsync;
            await _client.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port)
                .WithProtocolVersion(MQTTnet.Formatter.MqttProtocolVersion.V500).Build());
            await _client.SubscribeAsync("tidemark/alerts/#", MqttQualityOfServiceLevel.AtLeastOnce);
        }

        public async Task<IReadOnlyList<Published>> TakeAsync(int count)
        {
            await Until.TrueAsync(() => _all.Count >= count);
            return [.. _all];
        }

        public void Dispose() => _client.Dispose();

        private Task TakeAsync(MqttApplicationMessageReceivedEventArgs received)
        {
            var message = received.ApplicationMessage;
            var id = message.UserProperties?.FirstOrDefault(p => p.Name == "id");
            _all.Enqueue(new Published(
                message.Topic,
                id is null ? null : Encoding.UTF8.GetString(id.ValueBuffer.Span),
                JsonNode.Parse(message.ConvertPayloadToString())!,
                message.Retain));
            return Task.CompletedTask;
        }
    }
}
