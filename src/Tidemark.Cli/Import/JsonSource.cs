using System.Text;
using System.Text.Json;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>
/// Readings of JSON objects. What stands in an object inside has the names on the way to it, with points between them, as its name.
/// </summary>
internal sealed class JsonSource : ReadingSource
{
    private const int LongestName = 256;

    private readonly JsonValues _values;
    private readonly ImportSettings _settings;
    private readonly IncomingMetrics _metrics;
    private readonly NumberText _numbers;
    private readonly ImportTime _time;
    private readonly JsonFields _fields;
    private readonly string[] _times;
    private readonly JsonLeftOut _leftOut = new();
    private readonly SensorIds _sensorIds = new();
    private readonly char[] _path = new char[LongestName];
    private double[] _row;
    private bool[] _seen;
    private string _sensorId = "";
    private bool _seenSensor;
    private string? _metric;
    private double _value;
    private int _place = -1;

    /// <param name="values">Disposed with the source.</param>
    /// <param name="settings">How objects are to be understood.</param>
    /// <param name="metrics">Which there are.</param>
    /// <param name="time">Reads times.</param>
    public JsonSource(JsonValues values, ImportSettings settings, IncomingMetrics metrics, ImportTime time)
    {
        (_values, _settings, _metrics, _time) = (values, settings, metrics, time);
        _numbers = settings.Numbers;
        _fields = new JsonFields(settings, metrics);
        _times = new string[_fields.TimeParts.Count];
        _row = new double[metrics.Names.Count];
        _seen = new bool[metrics.Names.Count];
    }

    public override long Line => _values.Line;

    public override ReadOnlySpan<char> Text => Encoding.UTF8.GetString(_values.Value);

    public override IReadOnlyList<string> Metrics => _metrics.Names;

    public override ReadOnlySpan<double> Values => _row;

    public override IReadOnlyList<string> Notes => _leftOut.Notes;

    /// <summary>The time of the last row that was read, as it stands there.</summary>
    public string TimeText => _times.Contains("") ? "" : string.Join(' ', _times);

    /// <summary>What has one value at a time in the last row that was read.</summary>
    public Series Series => new(_sensorId, _place);

    public override bool Next() => _values.Next();

    public override string? TryRead(out string sensorId, out Instant time)
    {
        (sensorId, time) = ("", default);
        if (ReadObject() is { } error)
        {
            return error;
        }

        sensorId = _sensorId;
        return TimeText.Length == 0 ? "time is missing" : _time.TryRead(TimeText, Series, out time);
    }

    /// <summary>Takes the row apart, its time as text.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public string? ReadObject()
    {
        Array.Fill(_row, double.NaN);
        Array.Clear(_seen);
        Array.Fill(_times, "");
        (_sensorId, _seenSensor, _metric, _value) = (_settings.Sensor ?? "", false, null, double.NaN);
        if (_values.Fault is { } fault)
        {
            return fault;
        }

        try
        {
            var reader = new Utf8JsonReader(_values.Value);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return $"a reading is an object, not {JsonScalars.Describe(reader.TokenType)}";
            }

            var error = ReadMembers(ref reader, 0);
            // Finds what stands behind the object, too.
            while (reader.Read())
            {
            }

            return error ?? (_settings.MetricColumn is null ? null : SetNamed());
        }
        catch (JsonException e)
        {
            return JsonReadingParser.Malformed(e);
        }
        catch (InvalidOperationException)
        {
            return "not valid JSON: a text is not valid UTF-8";
        }
    }

    public override void Dispose() => _values.Dispose();

    private string? ReadMembers(ref Utf8JsonReader reader, int prefix)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // No character is shorter in UTF-8 than in UTF-16.
            if (reader.ValueSpan.Length > LongestName - prefix - 1)
            {
                return $"a name is longer than {LongestName} characters";
            }

            var length = prefix + reader.CopyString(_path.AsSpan(prefix));
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject && !_fields.Has(_path.AsSpan(0, length)))
            {
                _path[length] = '.';
                if (ReadMembers(ref reader, length + 1) is { } inner)
                {
                    return inner;
                }

                continue;
            }

            if (ReadMember(ref reader, _path.AsSpan(0, length)) is { } error)
            {
                return error;
            }

            reader.Skip();
        }

        return null;
    }

    private string? ReadMember(ref Utf8JsonReader reader, ReadOnlySpan<char> path)
    {
        var (field, place) = _fields.Find(path);
        switch (field)
        {
            case JsonField.Time:
                return ReadTime(ref reader, path, place);
            case JsonField.Sensor:
                return ReadSensor(ref reader);
            case JsonField.MetricName:
                return JsonScalars.ReadText(ref reader, path, out _metric);
            case JsonField.Value:
                return JsonScalars.ReadValue(ref reader, path, _numbers, out _value);
            case JsonField.Metric:
                return Set(ref reader, place, path);
            default:
                return ReadByName(ref reader, path);
        }
    }

    private string? ReadByName(ref Utf8JsonReader reader, ReadOnlySpan<char> path)
    {
        var place = _metrics.Find(path);
        var isConfigured = place >= 0 && _metrics.IsConfigured(place);
        if ((_settings.MapsMetrics || _settings.MetricColumn is not null) && !isConfigured)
        {
            _leftOut.AddUnmapped(path);
            return null;
        }

        if (_metrics.MayGrow && !isConfigured && reader.TokenType is JsonTokenType.String or JsonTokenType.StartArray or JsonTokenType.Null)
        {
            if (reader.TokenType != JsonTokenType.Null)
            {
                _leftOut.AddText(path);
            }

            return null;
        }

        return place < 0 && _metrics.Add(path, out place) is { } error ? error : Set(ref reader, place, path);
    }

    private string? Set(ref Utf8JsonReader reader, int place, ReadOnlySpan<char> path)
    {
        MakeRoom(place);
        if (_seen[place])
        {
            return path.SequenceEqual(_metrics.Names[place])
                ? $"{path} stands twice in the object"
                : $"{_metrics.Names[place]}, here as '{ImportTime.Shown(path)}', stands twice in the object";
        }

        _seen[place] = true;
        return JsonScalars.ReadValue(ref reader, _metrics.Names[place], _numbers, out _row[place]);
    }

    private void MakeRoom(int place)
    {
        if (place < _row.Length)
        {
            return;
        }

        var before = _row.Length;
        Array.Resize(ref _seen, place + 1);
        Array.Resize(ref _row, place + 1);
        _row.AsSpan(before).Fill(double.NaN);
    }

    private string? SetNamed()
    {
        if (string.IsNullOrEmpty(_metric))
        {
            return $"{_settings.MetricColumn} is missing";
        }

        var name = _settings.Mapping.FirstOrDefault(m => m.Value == _metric).Key ?? _metric;
        var place = _metrics.Find(name);
        if (place < 0 && _metrics.Add(name, out place) is { } error)
        {
            return error;
        }

        MakeRoom(place);
        _row[place] = _value;
        _place = place;
        return null;
    }

    private string? ReadTime(ref Utf8JsonReader reader, ReadOnlySpan<char> path, int part)
    {
        if (_times[part].Length > 0)
        {
            return $"{path} stands twice in the object";
        }

        var error = JsonScalars.ReadText(ref reader, path, out var text);
        _times[part] = text ?? "";
        return error;
    }

    private string? ReadSensor(ref Utf8JsonReader reader)
    {
        if (_seenSensor)
        {
            return "sensor_id stands twice in the object";
        }

        _seenSensor = true;
        if (JsonScalars.ReadText(ref reader, "sensor_id", out var text) is { } error)
        {
            return error;
        }

        _sensorId = _sensorIds.Get(text);
        return null;
    }
}
