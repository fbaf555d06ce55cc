using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Tidemark.Ingest.Messages;

/// <summary>
/// Makes readings of JSON: an object is one, an array of objects one each. Members of members are metrics named by all levels, joined by
/// <c>_</c>; elements of arrays are numbered from 1. <c>true</c> and <c>false</c> are 1 and 0; texts and null are left out.
/// </summary>
internal ref struct JsonMessage
{
    private const int LongestName = 256;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };
    private static readonly string[] TimeNames = ["time", "ts", "timestamp"];

    private readonly TopicRule _rule;
    private readonly MessageReadings _into;
    private readonly NumberTimes _numbers;
    private readonly Instant _arrival;
    private readonly string? _sensor;
    private readonly Span<char> _name;
    private readonly int _prefix;

    private JsonMessage(in Message message, MessageReadings into, Span<char> name)
    {
        (_rule, _into, _arrival, _sensor) = (message.Rule, into, message.Arrival, message.Sensor);
        _name = name;
        _numbers = new NumberTimes(
            message.Rule.TimeUnit ?? into.Options.TimeUnit, into.Options.MaxSkew, into.Clock, "time_unit: ");
        var metric = message.Metric.AsSpan();
        metric = metric[..Math.Min(metric.Length, name.Length)];
        metric.CopyTo(name);
        _prefix = metric.Length;
    }

    public static MessageFault? Read(in Message message, MessageReadings into)
    {
        try
        {
            using var document = JsonDocument.Parse(message.Payload, Strict);
            return new JsonMessage(message, into, stackalloc char[LongestName]).Read(document.RootElement);
        }
        catch (JsonException e)
        {
            return new MessageFault(MessageFault.Payload, JsonReadingParser.Malformed(e));
        }
        catch (InvalidOperationException)
        {
            return new MessageFault(MessageFault.Payload, "not valid JSON: a text is not valid UTF-8");
        }
    }

    private readonly MessageFault? Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Array)
        {
            return ReadOne(root);
        }

        MessageFault? fault = null;
        foreach (var element in root.EnumerateArray())
        {
            var found = element.ValueKind == JsonValueKind.Object
                ? ReadOne(element)
                : new MessageFault(MessageFault.Payload, "an element of the array is not an object");
            fault ??= found;
        }

        return fault;
    }

    private readonly MessageFault? ReadOne(JsonElement element)
    {
        var time = _arrival;
        var sensor = _sensor;
        var fault = element.ValueKind == JsonValueKind.Object
            ? ReadObject(element, ref sensor, ref time)
            : _prefix == 0 || element.ValueKind is not (JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False)
                ? new MessageFault(MessageFault.Payload, $"a reading is an object, not {Sent.Shorten(element.GetRawText())}")
            : ReadValue(element, _prefix);
        if (fault is not null)
        {
            _into.Discard();
            return fault;
        }

        return _into.Add(sensor, time);
    }

    private readonly MessageFault? ReadObject(JsonElement element, ref string? sensor, ref Instant time)
    {
        var values = element;
        if (_rule.Values is { } path && (!TryFind(element, path, out values) || values.ValueKind != JsonValueKind.Object))
        {
            return new MessageFault(MessageFault.Payload, $"there is no object {path}: does the network server decode payloads?");
        }

        if (_rule.Time is { } timePath && TryFind(element, timePath, out var told)
            && MessageTime.Read(told, _rule, _numbers, ref time) is { } wrong)
        {
            return wrong;
        }

        foreach (var member in values.EnumerateObject())
        {
            if (IsTime(member))
            {
                if (_rule.Time is null && MessageTime.Read(member.Value, _rule, _numbers, ref time) is { } fault)
                {
                    return fault;
                }
            }
            else if (member.NameEquals("sensor_id"u8))
            {
                sensor ??= member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : null;
            }
            else if (ReadMember(member, _prefix) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private readonly bool IsTime(JsonProperty member)
    {
        if (_rule.Values is not null)
        {
            return false;
        }

        var name = JsonMarshal.GetRawUtf8PropertyName(member);
        if (_rule.Time is not null)
        {
            return member.NameEquals(_rule.Time);
        }

        foreach (var time in TimeNames)
        {
            if (Ascii.EqualsIgnoreCase(name, time))
            {
                return true;
            }
        }

        return false;
    }

    private readonly MessageFault? ReadMember(JsonProperty member, int length)
    {
        if (member.Value.ValueKind is JsonValueKind.String or JsonValueKind.Null || IsIgnored(member, length))
        {
            return null;
        }

        // A metric that the topic names stands for its member value.
        if (length > 0 && length == _prefix && member.NameEquals("value"u8))
        {
            return ReadValue(member.Value, length);
        }

        var raw = JsonMarshal.GetRawUtf8PropertyName(member);
        var begin = length == 0 ? 0 : length + 1;
        if (begin + raw.Length > _name.Length)
        {
            return new MessageFault(MessageFault.Name, $"the name of the member '{Sent.Shorten(raw)}' is too long");
        }

        if (length > 0)
        {
            _name[length] = '_';
        }

        var written = raw.Contains((byte)'\\') ? Copy(member.Name, _name[begin..]) : Encoding.UTF8.GetChars(raw, _name[begin..]);
        return ReadValue(member.Value, begin + written);
    }

    private readonly bool IsIgnored(JsonProperty member, int length)
    {
        if (length == _prefix)
        {
            foreach (var name in _rule.Ignore)
            {
                if (member.NameEquals(name))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private readonly MessageFault? ReadValue(JsonElement value, int length)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                var number = value.GetDouble();
                return double.IsFinite(number)
                    ? _into.Set(_name[..length], number)
                    : new MessageFault(
                        MessageFault.Payload, $"{_name[..length]} {Sent.Shorten(value.GetRawText())} is too large for a double");
            case JsonValueKind.True or JsonValueKind.False:
                return _into.Set(_name[..length], value.GetBoolean() ? 1 : 0);
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    if (ReadMember(member, length) is { } fault)
                    {
                        return fault;
                    }
                }

                return null;
            case JsonValueKind.Array:
                return ReadArray(value, length);
            default:
                return null;
        }
    }

    private readonly MessageFault? ReadArray(JsonElement array, int length)
    {
        var number = 0;
        foreach (var element in array.EnumerateArray())
        {
            if (!(_name[length..].TryWrite($"_{++number}", out var written)))
            {
                return new MessageFault(MessageFault.Name, "the name of an element is too long");
            }

            if (ReadValue(element, length + written) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static bool TryFind(JsonElement element, string path, out JsonElement found)
    {
        found = element;
        foreach (var level in path.Split('.'))
        {
            if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(level, out found))
            {
                return false;
            }
        }

        return true;
    }

    private static int Copy(string text, Span<char> to)
    {
        text.CopyTo(to);
        return text.Length;
    }
}
