namespace Tidemark.Ingest.Messages;

/// <summary>How the payload of a message is read.</summary>
public enum PayloadFormat
{
    /// <summary>An object, an array of objects, or one value where the topic names the metric.</summary>
    Json,

    /// <summary>One number, <c>true</c>, <c>false</c>, <c>on</c> or <c>off</c>, as text.</summary>
    Value,

    /// <summary>InfluxDB line protocol.</summary>
    Influx,

    /// <summary>Sparkplug B.</summary>
    Sparkplug,
}

/// <summary>How messages of some topics become readings.</summary>
public sealed record TopicRule
{
    public required TopicPattern Topic { get; init; }

    public PayloadFormat Format { get; init; } = PayloadFormat.Json;

    /// <summary>Of times that are numbers. Null for milliseconds, of line protocol for nanoseconds.</summary>
    public TimeUnit? TimeUnit { get; init; }

    /// <summary>Of times without a zone; null when nobody knows it.</summary>
    public TimeZoneInfo? TimeZone { get; init; }

    /// <summary>Whether a time without a known zone is none, so that the time of arrival counts. Else such a message is refused.</summary>
    public bool IgnoresLocalTimes { get; init; }

    /// <summary>The member of a JSON object that holds the values, its levels separated by dots; null for the object itself.</summary>
    public string? Values { get; init; }

    /// <summary>The member that holds the time; null for <c>time</c>, <c>ts</c> or <c>timestamp</c> beside the values.</summary>
    public string? Time { get; init; }

    /// <summary>Members that are no values.</summary>
    public IReadOnlyList<string> Ignore { get; init; } = [];

    /// <summary>Whether what a broker kept from before the subscription is a reading too.</summary>
    public bool Retained { get; init; }

    /// <summary>Whether messages of these topics are passed over.</summary>
    public bool Skip { get; init; }
}

/// <summary>Rules for devices and bridges whose topics and payloads are known.</summary>
public static class TopicPresets
{
    public const string Sparkplug = "sparkplug";

    public static readonly IReadOnlyList<string> Names = ["sensors", "tasmota", "zigbee2mqtt", "things_stack", "chirpstack", Sparkplug];

    /// <param name="name">Of <see cref="Names"/>.</param>
    /// <param name="timeZone">Of devices that tell local times.</param>
    public static IReadOnlyList<TopicRule> Of(string name, TimeZoneInfo? timeZone) => name switch
    {
        "sensors" => [new TopicRule { Topic = Pattern("sensors/{sensor}"), TimeZone = timeZone }],
        "tasmota" => [new TopicRule { Topic = Pattern("tele/{sensor}/SENSOR"), TimeZone = timeZone, IgnoresLocalTimes = true }],
        "zigbee2mqtt" =>
        [
            new TopicRule { Topic = Pattern("zigbee2mqtt/bridge/#"), Skip = true },
            // A name may have two or three levels, and what is asked of a device stands behind it.
            .. from levels in (string[])["+", "+/+", "+/+/+"]
               from asked in (string[])["set", "set/+", "get", "get/+", "availability", "action"]
               select new TopicRule { Topic = Pattern($"zigbee2mqtt/{levels}/{asked}"), Skip = true },
            new TopicRule { Topic = Pattern("zigbee2mqtt/{sensor...}"), Time = "last_seen", Ignore = ["update", "update_available"] },
        ],
        "things_stack" =>
        [
            new TopicRule
            {
                Topic = Pattern("v3/+/devices/{sensor}/up"), Values = "uplink_message.decoded_payload", Time = "uplink_message.received_at",
            },
        ],
        "chirpstack" => [new TopicRule { Topic = Pattern("application/+/device/{sensor}/event/up"), Values = "object", Time = "time" }],
        Sparkplug => [new TopicRule { Topic = Pattern("spBv1.0/#"), Format = PayloadFormat.Sparkplug }],
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private static TopicPattern Pattern(string text)
        => TopicPattern.TryParse(text, out var pattern) ? pattern : throw new ArgumentException(text, nameof(text));
}
