using System.Buffers;
using MQTTnet.Protocol;
using Tidemark.Configuration;
using Tidemark.Ingest.Messages;

namespace Tidemark.Server.Mqtt;

/// <summary>Where messages of brokers and clients come in.</summary>
internal sealed class MessageIntake(
    TidemarkOptions options, TopicRules rules, MessageWriter writer, MessageLog log, TimeProvider clock)
{
    /// <summary>Takes a message in line for the store, once there is room.</summary>
    /// <param name="topic">Names the rule.</param>
    /// <param name="content">The payload, which must not change any more.</param>
    /// <param name="qos">Whether its sender waits for an answer.</param>
    /// <param name="isRetained">Whether a broker had kept it from before the subscription.</param>
    /// <param name="reply">Sends a message to its sender.</param>
    /// <param name="cancellationToken">Cancelled when its connection is gone.</param>
    /// <returns>A task that completes when the message may be acknowledged.</returns>
    public async ValueTask<Task> TakeAsync(
        string topic,
        ReadOnlySequence<byte> content,
        MqttQualityOfServiceLevel qos,
        bool isRetained,
        Reply reply,
        CancellationToken cancellationToken)
    {
        var route = rules.Find(topic);
        if (route.Rule is null)
        {
            return Task.CompletedTask;
        }

        if (isRetained && !route.Rule.Retained)
        {
            log.PassRetained();
            return Task.CompletedTask;
        }

        if (content.Length > options.Mqtt.MaxMessage)
        {
            log.Refuse(topic, new MessageFault(MessageFault.Payload, $"{content.Length} bytes are more than mqtt:max_message"));
            return Task.CompletedTask;
        }

        var isAnswered = qos != MqttQualityOfServiceLevel.AtMostOnce;
        if (writer.IsFull && !isAnswered)
        {
            log.Refuse(topic, new MessageFault(MessageFault.Overload, "too much waits for the store, and its sender awaits no answer"));
            return Task.CompletedTask;
        }

        await writer.WaitForRoomAsync(cancellationToken);
        var payload = content.IsSingleSegment ? content.First : content.ToArray();
        // What asks for no answer does not come again.
        var gone = isAnswered ? cancellationToken : CancellationToken.None;
        var message = new IncomingMessage(route, topic, payload, Instant.From(clock.GetUtcNow()), reply, gone);
        writer.Add(message);
        return isAnswered ? message.Done : Task.CompletedTask;
    }
}
