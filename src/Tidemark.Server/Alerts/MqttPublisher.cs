using System.Text;
using MQTTnet;
using MQTTnet.Protocol;
using Tidemark.Configuration;
using Tidemark.Server.Mqtt;

namespace Tidemark.Server.Alerts;

/// <summary>Publishes messages by the broker that the server is, or by one that it subscribes to.</summary>
internal sealed class MqttPublisher(AlertMqttOptions options, MqttBroker? broker, IEnumerable<MqttSubscriber> subscribers)
{
    private readonly MqttSubscriber? _subscriber = options.Broker is null && broker is not null
        ? null
        : subscribers.First(s => options.Broker is null || s.Address == options.Broker);

    public AlertReceiver Receiver => new(
        AlertOptions.MqttReceiver, _subscriber is null ? options.Topic : $"{_subscriber.Status.Address} {options.Topic}", SendAsync);

    private async Task<Delivery> SendAsync(AlertMessage message, CancellationToken cancellationToken)
    {
        var topic = options.Topic.Replace("{rule}", message.Rule, StringComparison.Ordinal)
            .Replace("{sensor}", LevelOf(message.SensorId), StringComparison.Ordinal);
        var published = new MqttApplicationMessageBuilder()
            .WithTopic(topic)
            .WithPayload(message.Body)
            .WithContentType("application/json")
            .WithUserProperty("id", Encoding.UTF8.GetBytes(message.Id))
            .WithRetainFlag(options.Retain)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .Build();
        if (_subscriber is null)
        {
            await broker!.PublishAsync(published);
            return Delivery.Done;
        }

        return await _subscriber.PublishAsync(published, cancellationToken) is { } error ? Delivery.Fail(error) : Delivery.Done;
    }

    /// <summary>A sensor is one level of a topic, whatever its id: what would be more than that is percent-encoded.</summary>
    private static string LevelOf(string sensorId) => sensorId.Replace("%", "%25", StringComparison.Ordinal)
        .Replace("/", "%2F", StringComparison.Ordinal)
        .Replace("+", "%2B", StringComparison.Ordinal)
        .Replace("#", "%23", StringComparison.Ordinal);
}
