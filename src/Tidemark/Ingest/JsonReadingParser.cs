using System.Text;
using System.Text.Json;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Ingest;

/// <summary>
/// Reads one reading from one JSON object: <c>sensor_id</c> (a string), <c>time</c> (RFC 3339 text or epoch
/// time as a number) and metrics by name (a number or null; a missing one is null). A name that stands twice is an error. Where metrics
/// may grow, others are added, <c>true</c> and <c>false</c> are 1 and 0, and texts of metrics that nobody configured are left out; else
/// anything else in the object is an error. Not thread-safe.
/// </summary>
/// <param name="metrics">Which there are.</param>
/// <param name="numbers">Reads times that are numbers; null to take any as milliseconds.</param>
public sealed class JsonReadingParser(IncomingMetrics metrics, NumberTimes? numbers = null)
{
    private const int LongestName = 256;
    private const int MostLeftOut = 100;
    private const int MostMembers = 64;
    private const int MostSensorIds = 4096;

    private readonly NumberTimes _numbers = numbers ?? NumberTimes.Milliseconds;
    private readonly Dictionary<string, long> _leftOut = new(StringComparer.Ordinal);
    private readonly Utf8Table<string> _sensorIds = new();
    private readonly List<(byte[] Called, int Metric)> _members = [];
    private bool[] _seen = new bool[metrics.Names.Count];
    private double[] _values = new double[metrics.Names.Count];
    private bool _seenTime;
    private bool _seenSensorId;
    private int _member;

    /// <summary>Those of the last reading, by metric, as many as there were metrics; NaN stands for null.</summary>
    public ReadOnlySpan<double> Values => _values;

    /// <summary>The names, up to a hundred, whose texts were left out, and how often.</summary>
    public IReadOnlyDictionary<string, long> LeftOut => _leftOut;

    /// <summary>Files from Windows begin with it.</summary>
    public static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <param name="utf8Object">The object, blanks around it and a byte-order mark before it allowed.</param>
    /// <param name="sensorId">As sent; <see cref="SensorId"/> is not checked here. Mostly the same instance for the same id.</param>
    /// <param name="time">To the microsecond.</param>
    /// <returns>Null, or one line that says what is wrong.</returns>
    public string? TryParse(ReadOnlySpan<byte> utf8Object, out string sensorId, out Instant time)
    {
        sensorId = "";
        time = default;
        Array.Fill(_values, double.NaN);
        Array.Clear(_seen);
        (_seenTime, _seenSensorId, _member) = (false, false, 0);
        try
        {
            var reader = new Utf8JsonReader(utf8Object.StartsWith(ByteOrderMark) ? utf8Object[ByteOrderMark.Length..] : utf8Object);
            return Read(ref reader, ref sensorId, ref time);
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

    private string? Read(ref Utf8JsonReader reader, ref string sensorId, ref Instant time)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return $"a reading is an object, not {Describe(ref reader)}";
        }

        string? error = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            error ??= ReadMember(ref reader, ref sensorId, ref time);
            reader.Skip();
        }

        // Finds what stands behind the object.
        reader.Read();
        return error ?? (_seenTime ? null : "time is missing");
    }

    private string? ReadMember(ref Utf8JsonReader reader, ref string sensorId, ref Instant time)
    {
        if (reader.ValueTextEquals("time"u8))
        {
            reader.Read();
            return Repeated(ref _seenTime, "time") ?? ReadTime(ref reader, out time);
        }

        if (reader.ValueTextEquals("sensor_id"u8))
        {
            reader.Read();
            return Repeated(ref _seenSensorId, "sensor_id") ?? ReadSensorId(ref reader, ref sensorId);
        }

        // No character is shorter in UTF-8 than in UTF-16.
        if (reader.ValueSpan.Length > LongestName)
        {
            return $"there is no metric '{Sent.Shorten(reader.ValueSpan)}': its name is too long";
        }

        var sent = reader.ValueSpan;
        if (FindMember(sent) is var known and >= 0)
        {
            reader.Read();
            return ReadMetric(ref reader, metrics.Names[known], known);
        }

        Span<char> buffer = stackalloc char[LongestName];
        ReadOnlySpan<char> called = buffer[..reader.CopyString(buffer)];
        reader.Read();
        var metric = metrics.Find(called);
        if (metric < 0)
        {
            return ReadNew(ref reader, called);
        }

        if (_members.Count < MostMembers && called.SequenceEqual(metrics.Names[metric]))
        {
            _members.Add((sent.ToArray(), metric));
        }

        return ReadMetric(ref reader, called, metric);
    }

    /// <summary>Objects in a row have the same members in the same order, mostly: the one behind the last is looked at first.</summary>
    private int FindMember(ReadOnlySpan<byte> sent)
    {
        for (var i = 0; i < _members.Count; i++)
        {
            _member = _member < _members.Count ? _member : 0;
            var (called, metric) = _members[_member++];
            if (sent.SequenceEqual(called))
            {
                return metric;
            }
        }

        return -1;
    }

    private string? ReadNew(ref Utf8JsonReader reader, scoped ReadOnlySpan<char> called)
    {
        if (metrics.MayGrow && reader.TokenType is JsonTokenType.Null)
        {
            return null;
        }

        if (metrics.MayGrow && reader.TokenType is JsonTokenType.String)
        {
            LeaveOut(called.ToString());
            return null;
        }

        return metrics.Add(called, out var metric) ?? ReadMetric(ref reader, called, metric);
    }

    private string? ReadMetric(ref Utf8JsonReader reader, scoped ReadOnlySpan<char> called, int metric)
    {
        if (metric >= _values.Length)
        {
            Array.Resize(ref _seen, metric + 1);
            Array.Resize(ref _values, metric + 1);
            _values[metric] = double.NaN;
        }

        var name = metrics.Names[metric];
        if (metrics.MayGrow && reader.TokenType is JsonTokenType.String && !metrics.IsConfigured(metric))
        {
            LeaveOut(name);
            return null;
        }

        return Repeated(ref _seen[metric], called.SequenceEqual(name) ? name : $"{name}, here as '{Sent.Shorten(called.ToString())}',")
            ?? ReadValue(ref reader, name, out _values[metric]);
    }

    private void LeaveOut(string name)
    {
        var shown = Sent.Shorten(name);
        if (_leftOut.Count < MostLeftOut || _leftOut.ContainsKey(shown))
        {
            _leftOut[shown] = _leftOut.GetValueOrDefault(shown) + 1;
        }
    }

    private static string? Repeated(ref bool seen, string name)
    {
        var repeated = seen;
        seen = true;
        return repeated ? $"{name} stands twice in the object" : null;
    }

    private string? ReadSensorId(ref Utf8JsonReader reader, ref string sensorId)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            return $"sensor_id is {Describe(ref reader)}, not a string";
        }

        if (reader.ValueIsEscaped || reader.ValueSpan.Length > 4 * SensorId.MaxLength)
        {
            sensorId = reader.GetString()!;
            return null;
        }

        // A body is often from few sensors: their ids are made once.
        if (!_sensorIds.TryGet(reader.ValueSpan, out var known))
        {
            if (_sensorIds.Count >= MostSensorIds)
            {
                _sensorIds.Clear();
            }

            known = _sensorIds.Add(reader.ValueSpan, reader.GetString()!);
        }

        sensorId = known;
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
                return Instant.TryParseUtc(reader.ValueSpan, out time) ? null : ReadTime(reader.GetString()!, out time);
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

    private string? ReadValue(ref Utf8JsonReader reader, string metric, out double value)
    {
        value = double.NaN;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.True or JsonTokenType.False when metrics.MayGrow:
                value = reader.GetBoolean() ? 1 : 0;
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
