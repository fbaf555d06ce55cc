using System.Buffers;
using System.Text;

namespace Tidemark.Ingest.LineProtocol;

internal sealed class LineSensor(string id)
{
    public string Id { get; } = id;

    /// <summary>The row of its newest time so far; −1 for none.</summary>
    public int NewestRow { get; set; } = -1;
}

/// <param name="id">Tells series apart.</param>
/// <param name="sensor">Whose readings its lines are.</param>
/// <param name="measurement">Its fields.</param>
/// <param name="error">Why its lines can't be readings; null when they can.</param>
internal sealed class LineSeries(int id, LineSensor sensor, LineMeasurement measurement, string? error)
{
    public int Id { get; } = id;

    public LineSensor Sensor { get; } = sensor;

    public LineMeasurement Measurement { get; } = measurement;

    public string? Error { get; } = error;
}

/// <summary>A metric of the readings, and where it was seen last.</summary>
internal sealed class LineMetric(string name, Metric definition)
{
    public string Name { get; } = name;

    /// <summary>Says which values it may have.</summary>
    public Metric Definition { get; } = definition;

    /// <summary>Its place among the metrics; −1 before a reading has it.</summary>
    public int Index { get; set; } = -1;

    /// <summary>The last line that has it, and from which field.</summary>
    public (long Line, MeasurementField? Field) InLine { get; set; }

    /// <summary>The last row looked at that has it, and the cell of its value.</summary>
    public (int Row, int Cell) InRow { get; set; } = (-1, 0);
}

/// <param name="id">Tells fields of all measurements apart.</param>
/// <param name="key">Its name in lines.</param>
/// <param name="measurement">Its measurement's name.</param>
/// <param name="metric">What it becomes.</param>
/// <param name="error">Why it can't be a metric; null when it can.</param>
internal sealed class MeasurementField(int id, byte[] key, string measurement, LineMetric metric, string? error)
{
    public int Id { get; } = id;

    public byte[] Key { get; } = key;

    public LineMetric Metric { get; } = metric;

    public string? Error { get; } = error;

    public override string ToString() => $"'{Sent.Shorten(Key)}' of '{Sent.Shorten(measurement)}'";
}

internal sealed class LineMeasurement(string name)
{
    public string Name { get; } = name;

    public Utf8Table<MeasurementField> Fields { get; } = new();

    /// <summary>The fields of the last line at their places: the next line mostly has the same.</summary>
    public List<MeasurementField> Recent { get; } = [];
}

/// <summary>What the series and fields of lines are called as readings. Each is worked out once and then found by its bytes.</summary>
/// <param name="naming">How.</param>
/// <param name="validator">Knows the metrics' bounds; null when there are none.</param>
/// <param name="admitted">The metrics that there may be; null for all.</param>
internal sealed class LineNames(LineNaming naming, ReadingValidator? validator, IncomingMetrics? admitted)
{
    // What one name takes is many times what it takes in a line, so their number has a bound.
    private const int MostSeries = 100_000;
    private const int MostFields = 10_000;

    private static readonly string TooMany
        = $"there are more than {MostSeries} series or {MostFields} measurements and fields: send them in several requests";

    private static readonly LineSeries OneTooMany = new(-1, new LineSensor(""), new LineMeasurement(""), TooMany);
    private static readonly MeasurementField OneFieldTooMany = new(-1, [], "", new LineMetric("", Metric.Found("")), TooMany);

    private readonly Utf8Table<LineSeries> _series = new();
    private readonly Utf8Table<LineMeasurement> _measurements = new();
    private readonly Dictionary<string, LineSensor> _sensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LineMetric> _metrics = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _plain = new();
    private int _fields;
    private int _ids;

    public LineSeries Series(in Line line) => _series.TryGet(line.Series, out var known) ? known : AddSeries(line);

    public MeasurementField Field(LineMeasurement measurement, int place, ReadOnlySpan<byte> key)
    {
        var recent = measurement.Recent;
        if (place < recent.Count && key.SequenceEqual(recent[place].Key))
        {
            return recent[place];
        }

        var field = measurement.Fields.TryGet(key, out var known) ? known : AddField(measurement, key);
        if (place < recent.Count)
        {
            recent[place] = field;
        }
        else if (place == recent.Count)
        {
            recent.Add(field);
        }

        return field;
    }

    public void Clear()
    {
        _series.Clear();
        _measurements.Clear();
        _sensors.Clear();
        _metrics.Clear();
        _fields = 0;
    }

    /// <summary>The same series may be written in several ways: with its tags in another order, or with other escapes.</summary>
    private LineSeries AddSeries(in Line line)
    {
        // Neither a series as sent nor a part of one can have the end of a line.
        _plain.ResetWrittenCount();
        _plain.Write("\n"u8);
        _plain.Write(line.Measurement);
        for (var t = 0; t < line.TagCount; t++)
        {
            _plain.Write("\n"u8);
            _plain.Write(line.Tag(t).Key);
            _plain.Write("\n"u8);
            _plain.Write(line.Tag(t).Value);
        }

        var key = _plain.WrittenSpan;
        if (!_series.TryGet(key, out var series))
        {
            if (_series.Count >= 2 * MostSeries || _fields == MostFields)
            {
                return OneTooMany;
            }

            var error = naming.MakeSensorId(line, out var id);
            if (!_sensors.TryGetValue(id, out var sensor))
            {
                _sensors.Add(id, sensor = new LineSensor(id));
            }

            if (!_measurements.TryGet(line.Measurement, out var measurement))
            {
                measurement = _measurements.Add(line.Measurement, new LineMeasurement(Encoding.UTF8.GetString(line.Measurement)));
                _fields++;
            }

            series = _series.Add(key, new LineSeries(_ids++, sensor, measurement, error));
        }

        return _series.Count < 2 * MostSeries ? _series.Add(line.Series, series) : series;
    }

    private MeasurementField AddField(LineMeasurement measurement, ReadOnlySpan<byte> key)
    {
        if (_fields == MostFields)
        {
            return OneFieldTooMany;
        }

        _fields++;
        var error = naming.MakeMetric(measurement.Name, Encoding.UTF8.GetString(key), out var name);
        error ??= admitted is null || admitted.Find(name) >= 0 ? null : admitted.Add(name, out _);
        if (!_metrics.TryGetValue(name, out var metric))
        {
            _metrics.Add(name, metric = new LineMetric(name, validator?.Find(name) ?? Metric.Found(name)));
        }

        return measurement.Fields.Add(key, new MeasurementField(_ids++, key.ToArray(), measurement.Name, metric, error));
    }
}
