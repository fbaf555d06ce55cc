using System.Text;
using System.Text.Json;

namespace Tidemark.Ingest;

/// <summary>
/// Reads one reading from one JSON object: <c>sensor_id</c> (a string), <c>time</c> (RFC 3339 text or epoch
/// time as a number) and metrics by name (a number or null; a missing one is null). Anything else in the object
/// is an error, and so is a name that stands twice. Not thread-safe.
/// </summary>
/// <param name="schema">Its metrics are read.</param>
/// <param name="numbers">Reads times that are numbers; null to take any as milliseconds.</param>
public sealed class JsonReadingParser(TelemetrySchema schema, NumberTimes? numbers = null)
{
    private readonly NumberTimes _numbers = numbers ?? NumberTimes.Milliseconds;
    private readonly bool[] _seen = new bool[schema.Metrics.Count + 2];
    private readonly byte[][] _metricNames = [.. schema.Metrics.Select(m => Encoding.UTF8.GetBytes(m.Name))];
    private string _lastSensorId = "";

    /// <summary>Files from Windows begin with it.</summary>
    public static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <param name="utf8Object">The object, blanks around it and a byte-order mark before it allowed.</param>
    /// <param name="sensorId">As sent; <see cref="SensorId"/> is not checked here. The same instance for the same id in a row.</param>
    /// <param name="time">To the microsecond.</param>
    /// <param name="values">One place per metric of the schema; NaN stands for null.</param>
    /// <returns>Null, or one line that says what is wrong.</returns>
    public string? TryParse(ReadOnlySpan<byte> utf8Object, out string sensorId, out Instant time, Span<double> values)
    {
        sensorId = "";
        time = default;
        values.Fill(double.NaN);
        Array.Clear(_seen);
        try
        {
            var reader = new Utf8JsonReader(utf8Object.StartsWith(ByteOrderMark) ? utf8Object[ByteOrderMark.Length..] : utf8Object);
            return Read(ref reader, ref sensorId, ref time, values);
        }
        catch (JsonException e)
        {
            return Malformed(e);
        }
        catch (InvalidOperationException)
        {
            return "not valid JSON: a text is not valid UTF-8";
        }
    }

    /// <summary>What is wrong with a text that is not JSON, in one line.</summary>
    public static string Malformed(JsonException error)
    {
        var message = error.Message.AsSpan();
        var position = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var text = (position < 0 ? message : message[..position]).TrimEnd('.').ToString().ReplaceLineEndings(" ");
        var line = error.LineNumber > 0 ? $"line {error.LineNumber + 1}, " : "";
        return $"not valid JSON: {text} ({line}byte {error.BytePositionInLine + 1})";
    }

    private string? Read(ref Utf8JsonReader reader, ref string sensorId, ref Instant time, Span<double> values)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return $"a reading is an object, not {Describe(ref reader)}";
        }

        string? error = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            error ??= ReadMember(ref reader, ref sensorId, ref time, values);
            reader.Skip();
        }

        // Finds what stands behind the object.
        reader.Read();
        return error ?? (_seen[^1] ? null : "time is missing");
    }

    private string? ReadMember(ref Utf8JsonReader reader, ref string sensorId, ref Instant time, Span<double> values)
    {
        if (reader.ValueTextEquals("time"u8))
        {
            reader.Read();
            return Repeated(_seen.Length - 1, "time") ?? ReadTime(ref reader, out time);
        }

        if (reader.ValueTextEquals("sensor_id"u8))
        {
            reader.Read();
            return Repeated(_seen.Length - 2, "sensor_id") ?? ReadSensorId(ref reader, ref sensorId);
        }

        for (var m = 0; m < _metricNames.Length; m++)
        {
            if (reader.ValueTextEquals(_metricNames[m]))
            {
                reader.Read();
                return Repeated(m, schema.Metrics[m].Name) ?? ReadValue(ref reader, schema.Metrics[m].Name, out values[m]);
            }
        }

        var names = string.Join(", ", schema.Metrics.Select(m => m.Name));
        return $"there is no metric '{Sent.Shorten(reader.GetString()!)}'; there are {names}";
    }

    private string? Repeated(int member, string name)
    {
        var repeated = _seen[member];
        _seen[member] = true;
        return repeated ? $"{name} stands twice in the object" : null;
    }

    private string? ReadSensorId(ref Utf8JsonReader reader, ref string sensorId)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            return $"sensor_id is {Describe(ref reader)}, not a string";
        }

        // A body is often from one sensor: its id is made once.
        if (!reader.ValueTextEquals(_lastSensorId))
        {
            _lastSensorId = reader.GetString()!;
        }

        sensorId = _lastSensorId;
        return null;
    }

    private string? ReadTime(ref Utf8JsonReader reader, out Instant time)
    {
        time = default;
        switch (reader.TokenType)
        {
            case JsonTokenType.Number:
                return ReadTime(Encoding.UTF8.GetString(reader.ValueSpan), out time);
            case JsonTokenType.String:
                return ReadTime(reader.GetString()!, out time);
            case JsonTokenType.Null:
                return "time is missing";
            default:
                return $"time is {Describe(ref reader)}, not RFC 3339 text or a number of epoch milliseconds";
        }
    }

    private string? ReadTime(string text, out Instant time)
    {
        if (Instant.TryParseNumber(text, out var number))
        {
            return _numbers.Read(number, Sent.Shorten(text), out time);
        }

        return Instant.TryParse(text, out time)
            ? null
            : $"time '{Sent.Shorten(text)}' is not RFC 3339 with a zone, such as 2026-11-22T10:00:00Z, or epoch milliseconds";
    }

    private static string? ReadValue(ref Utf8JsonReader reader, string metric, out double value)
    {
        value = double.NaN;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.Number:
                value = reader.GetDouble();
                return double.IsFinite(value)
                    ? null
                    : $"{metric} {Sent.Shorten(reader.ValueSpan)} is too large for a double";
            default:
                return $"{metric} is {Describe(ref reader)}, not a number";
        }
    }

    private static string Describe(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}
