using System.Globalization;
using System.Text.Json;

namespace Tidemark.Ingest.Messages;

/// <summary>Reads the times of messages, which may be local ones.</summary>
internal static class MessageTime
{
    private static readonly string[] LocalFormats =
        ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF", "yyyy-MM-dd' 'HH:mm:ss.FFFFFFF", "yyyy-MM-dd'T'HH:mm"];

    /// <param name="element">A member of JSON.</param>
    /// <param name="rule">Knows units and zones.</param>
    /// <param name="numbers">Reads times that are numbers.</param>
    /// <param name="time">Holds the time of arrival before; stays so when there is no other.</param>
    public static MessageFault? Read(JsonElement element, TopicRule rule, NumberTimes numbers, ref Instant time)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.Number when Instant.TryParseNumber(element.GetRawText(), out var number):
                return Fault(numbers.Read(number, Sent.Shorten(element.GetRawText()), out time));
            case JsonValueKind.String:
                return Read(element.GetString()!, rule, numbers, ref time);
            default:
                return Fault($"time is {Sent.Shorten(element.GetRawText())}, not RFC 3339 text or a number");
        }
    }

    private static MessageFault? Read(string text, TopicRule rule, NumberTimes numbers, ref Instant time)
    {
        if (Instant.TryParseNumber(text, out var number))
        {
            return Fault(numbers.Read(number, Sent.Shorten(text), out time));
        }

        if (Instant.TryParse(text, out var parsed))
        {
            time = parsed;
            return null;
        }

        if (!DateTime.TryParseExact(
            Instant.CutDecimals(text), LocalFormats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
        {
            return Fault($"time '{Sent.Shorten(text)}' is not RFC 3339, such as 2026-11-22T10:00:00Z");
        }

        if (rule.TimeZone is { } zone)
        {
            time = Nearest(local, zone, time);
            return null;
        }

        return rule.IgnoresLocalTimes
            ? null
            : Fault($"time '{Sent.Shorten(text)}' has no zone: say which one it is in with the rule's time_zone or mqtt:time_zone");
    }

    /// <summary>Of the two instants that an hour put back gives a local time, the one nearer to the arrival.</summary>
    private static Instant Nearest(DateTime local, TimeZoneInfo zone, Instant arrival)
    {
        if (zone.IsAmbiguousTime(local))
        {
            return zone.GetAmbiguousTimeOffsets(local)
                .Select(offset => Instant.From(new DateTimeOffset(local, offset)))
                .MinBy(time => Math.Abs(time.Micros - arrival.Micros));
        }

        // An hour that clocks skip is told by one that was not put forward yet.
        var offset = zone.IsInvalidTime(local) ? zone.GetUtcOffset(local.AddHours(-1)) : zone.GetUtcOffset(local);
        return Instant.From(new DateTimeOffset(local, offset));
    }

    private static MessageFault? Fault(string? error) => error is null ? null : new MessageFault(MessageFault.Time, error);
}
