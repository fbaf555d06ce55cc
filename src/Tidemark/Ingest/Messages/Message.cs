using System.Globalization;
using System.Text;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Ingest.Messages;

/// <summary>A message, with what its topic says.</summary>
/// <param name="Rule">How it is read.</param>
/// <param name="Sensor">Null when the topic does not name it.</param>
/// <param name="Metric">Null when the topic does not name it.</param>
/// <param name="Payload">As it came.</param>
/// <param name="Arrival">When it came.</param>
public readonly record struct Message(TopicRule Rule, string? Sensor, string? Metric, ReadOnlyMemory<byte> Payload, Instant Arrival)
{
    private const int LongestValue = 64;

    /// <summary>Makes its readings. What is wrong with one of several leaves the others.</summary>
    /// <returns>Null, or the first fault.</returns>
    public MessageFault? Read(MessageReadings into) => Rule.Format switch
    {
        PayloadFormat.Json => JsonMessage.Read(this, into),
        PayloadFormat.Value => ReadValue(into),
        PayloadFormat.Influx => ReadLines(into),
        _ => throw new NotSupportedException($"{Rule.Format} is read by what knows births"),
    };

    private MessageFault? ReadValue(MessageReadings into)
    {
        var text = Payload.Length <= LongestValue ? Encoding.UTF8.GetString(Payload.Span).Trim() : "";
        double? value = text.ToLowerInvariant() switch
        {
            "true" or "on" => 1,
            "false" or "off" => 0,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                ? number
                : null,
        };
        return value is null
            ? new MessageFault(MessageFault.Payload, $"'{Sent.Shorten(Payload.Span)}' is not a number, true, false, on or off")
            : into.Set(Metric, value.Value) ?? into.Add(Sensor, Arrival);
    }

    private MessageFault? ReadLines(MessageReadings into)
    {
        var precision = LinePrecision.Find(Rule.TimeUnit?.Name) ?? LinePrecision.Nanoseconds;
        var lines = new LineReadings(precision, into.Options.LineNaming, Arrival, Math.Max(1, Payload.Length));
        var text = Payload.Span;
        lines.Read(ref text, isFinal: true);
        var fault = lines.Errors is [var first, ..]
            ? new MessageFault(MessageFault.Payload, $"line {first.Number}: {first.Message}")
            : null;
        var places = Enumerable.Range(0, lines.Metrics.Count).ToArray();
        var values = new double[places.Length];
        for (var row = 0; row < lines.Count; row++)
        {
            lines.CopyValues(row, places, values);
            MessageFault? found = null;
            for (var m = 0; m < values.Length && found is null; m++)
            {
                found = double.IsNaN(values[m]) ? null : into.Set(lines.Metrics[m], values[m]);
            }

            if (found is not null)
            {
                into.Discard();
            }

            found ??= into.Add(Sensor ?? lines.SensorId(row), lines.Time(row));
            fault ??= found;
        }

        return fault;
    }
}
