using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Tidemark.Ingest.Messages;

namespace Tidemark.Server.Mqtt.Sparkplug;

/// <summary>
/// Makes readings of Sparkplug B. Births give names and aliases; a gap, or an alias that no birth told, has the node asked for new
/// births. A node is the sensor <c>GROUP/NODE</c>, a device <c>GROUP/NODE/DEVICE</c>. Not thread-safe.
/// </summary>
internal sealed partial class SparkplugNodes(TimeProvider clock, ILogger logger)
{
    private const int MostNodes = 10_000;

    // Of all nodes together.
    private const int MostMetrics = 1_000_000;
    private const string Rebirth = "Node Control/Rebirth";
    private const string BirthNumber = "bdSeq";

    // A node may take its time with its births.
    private static readonly TimeSpan BetweenRequests = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, SparkplugNode> _nodes = new(StringComparer.Ordinal);
    private int _metrics;

    private Instant Now => Instant.From(clock.GetUtcNow());

    /// <returns>Null, or the first fault.</returns>
    public MessageFault? Read(IncomingMessage message, MessageReadings into)
    {
        // spBv1.0/GROUP/TYPE/NODE[/DEVICE]
        var levels = message.Topic.Split('/');
        if (levels is not [_, var group, var type, var name, ..] || levels.Length > 5)
        {
            // The state of host applications, and what later versions have.
            return null;
        }

        if (type is not ("NBIRTH" or "DBIRTH" or "NDATA" or "DDATA" or "NDEATH" or "DDEATH"))
        {
            return null;
        }

        var id = $"{group}/{name}";
        var sensor = levels.Length == 5 ? $"{id}/{levels[4]}" : id;
        if (SensorId.Check(sensor) is { } wrong)
        {
            return new MessageFault(MessageFault.Name, wrong);
        }

        Payload payload;
        try
        {
            payload = Payload.Parser.ParseFrom(message.Payload.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            return new MessageFault(MessageFault.Payload, $"not a payload of Sparkplug B: {e.Message}");
        }

        if (!_nodes.TryGetValue(id, out var node))
        {
            if (_nodes.Count == MostNodes)
            {
                return new MessageFault(MessageFault.Birth, $"there are {MostNodes} nodes already");
            }

            _nodes[id] = node = new SparkplugNode();
        }

        return Read(message, payload, node, type, sensor, $"spBv1.0/{group}/NCMD/{name}", into);
    }

    private MessageFault? Read(
        IncomingMessage message, Payload payload, SparkplugNode node, string type, string sensor, string command, MessageReadings into)
    {
        if (type == "NDEATH")
        {
            if (BirthNumberOf(payload) is not { } number || node.BirthNumber is null || number == node.BirthNumber)
            {
                node.End();
            }

            return null;
        }

        _metrics -= node.Metrics;
        if (type == "NBIRTH")
        {
            node.Begin(BirthNumberOf(payload), payload.Seq);
        }
        else if (!node.IsBorn || !node.TryFollow(payload.HasSeq ? payload.Seq : null))
        {
            Ask(node, command, message.Reply);
        }

        if (type is "NBIRTH" or "DBIRTH")
        {
            foreach (var metric in payload.Metrics.TakeWhile(_ => _metrics + node.Metrics < MostMetrics))
            {
                node.Learn(sensor, metric);
            }
        }

        _metrics += node.Metrics;

        var fault = type == "DDEATH" ? null : ReadMetrics(payload, node, sensor, message.Arrival, into);
        if (fault?.Reason == MessageFault.Birth)
        {
            Ask(node, command, message.Reply);
        }

        return fault;
    }

    /// <summary>Metrics of one instant are one reading.</summary>
    private static MessageFault? ReadMetrics(
        Payload payload, SparkplugNode node, string sensor, Instant arrival, MessageReadings into)
    {
        MessageFault? fault = null;
        foreach (var instant in payload.Metrics.GroupBy(metric => TimeOf(metric, payload, arrival)))
        {
            MessageFault? found = null;
            foreach (var metric in instant)
            {
                var name = node.NameOf(metric);
                var one = name is null
                    ? new MessageFault(
                        MessageFault.Birth, $"no birth since the server's start told the alias {metric.Alias}: births are asked for")
                    : IsValue(name, metric) && ValueOf(metric, node.TypeOf(sensor, name, metric)) is { } value ? into.Set(name, value)
                    : null;
                found ??= one;
            }

            if (found is { Reason: not MessageFault.Birth })
            {
                into.Discard();
            }

            // What is known of it is taken: the birth that is asked for tells values of its own time.
            var added = instant.Key is { } time
                ? into.Add(sensor, time)
                : new MessageFault(MessageFault.Time, "a time is beyond the year 9999");
            into.Discard();
            fault ??= found ?? added;
        }

        return fault;
    }

    private static bool IsValue(string name, PayloadMetric metric)
        => !metric.IsNull && name != BirthNumber
            && !name.StartsWith("Node Control/", StringComparison.Ordinal) && !name.StartsWith("Device Control/", StringComparison.Ordinal);

    private static Instant? TimeOf(PayloadMetric metric, Payload payload, Instant arrival)
    {
        if (!metric.HasTimestamp && !payload.HasTimestamp)
        {
            return arrival;
        }

        var millis = metric.HasTimestamp ? metric.Timestamp : payload.Timestamp;
        return TimeUnit.Milliseconds.TryRead(millis, out var time) ? time : null;
    }

    /// <summary>Signed integers of up to 32 bits travel in an unsigned one; what is no number is left out.</summary>
    private static double? ValueOf(PayloadMetric metric, uint type) => metric.ValueCase switch
    {
        PayloadMetric.ValueOneofCase.IntValue => type switch
        {
            1 => (sbyte)metric.IntValue,
            2 => (short)metric.IntValue,
            3 => (int)metric.IntValue,
            _ => metric.IntValue,
        },
        PayloadMetric.ValueOneofCase.LongValue => type is 1 or 2 or 3 or 4 ? (long)metric.LongValue : metric.LongValue,
        PayloadMetric.ValueOneofCase.FloatValue when float.IsFinite(metric.FloatValue) => metric.FloatValue,
        PayloadMetric.ValueOneofCase.DoubleValue when double.IsFinite(metric.DoubleValue) => metric.DoubleValue,
        PayloadMetric.ValueOneofCase.BooleanValue => metric.BooleanValue ? 1 : 0,
        _ => null,
    };

    private static ulong? BirthNumberOf(Payload payload)
        => payload.Metrics.FirstOrDefault(m => m.Name == BirthNumber) is { } metric
            ? metric.ValueCase == PayloadMetric.ValueOneofCase.IntValue ? metric.IntValue : metric.LongValue
            : null;

    private void Ask(SparkplugNode node, string command, Reply reply)
    {
        if (node.Asked is { } asked && Now - asked < BetweenRequests)
        {
            return;
        }

        node.Asked = Now;
        var request = new Payload
        {
            Timestamp = (ulong)(Now.Micros / 1000),
            Metrics =
            {
                new PayloadMetric { Name = Rebirth, Timestamp = (ulong)(Now.Micros / 1000), Datatype = 11, BooleanValue = true },
            },
        };
        _ = SendAsync(command, request.ToByteArray(), reply);
    }

    private async Task SendAsync(string topic, byte[] payload, Reply reply)
    {
        try
        {
            await reply(topic, payload);
        }
        catch (Exception e)
        {
            // The node is asked again when it sends next.
            LogNotAsked(topic, e.Message);
        }
    }

    [LoggerMessage(EventId = 410, Level = LogLevel.Warning, Message = "births could not be asked for with {Topic}: {Error}")]
    private partial void LogNotAsked(string topic, string error);
}
