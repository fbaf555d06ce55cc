using System.Runtime.InteropServices;

namespace Tidemark.Ingest.LineProtocol;

/// <param name="Number">From 1.</param>
/// <param name="Text">The line as sent, at most 200 characters of it.</param>
/// <param name="Message">What is wrong, in one sentence.</param>
public sealed record LineError(long Number, string Text, string Message);

/// <summary>
/// The readings of a body of line protocol: each has a sensor, a time, and values by metric. Lines of one sensor and instant are one
/// reading. Of the same field of the same series the last line counts; what else would stand twice in a reading is refused. Readings are
/// kept until <see cref="Clear"/>: whoever reads a long text takes them out now and then. Not thread-safe.
/// </summary>
/// <param name="precision">Of the times.</param>
/// <param name="naming">Of sensors and metrics.</param>
/// <param name="arrival">The time of lines without one.</param>
/// <param name="maxLine">Longer lines are refused, in bytes.</param>
/// <param name="validator">Lines whose time or values it refuses are refused; null when there is none.</param>
/// <param name="admitted">Lines with other metrics are refused; null when there may be any.</param>
/// <param name="mostErrors">How many refused lines are kept until <see cref="Clear"/>.</param>
/// <param name="buffers">Used by nobody else meanwhile; new ones unless given.</param>
public sealed class LineReadings(
    LinePrecision precision,
    LineNaming naming,
    Instant arrival,
    int maxLine,
    ReadingValidator? validator = null,
    IncomingMetrics? admitted = null,
    int mostErrors = 100,
    LineBuffers? buffers = null)
{
    /// <summary>So many metrics a reading may have: what a line costs that adds to one grows with it.</summary>
    public const int MaxMetrics = 1_000;

    private readonly LineProtocolParser _parser = new(precision, maxLine);
    private readonly LineNames _names = new(naming, validator, admitted);
    private readonly LineBuffers _buffers = buffers ?? new LineBuffers();
    private readonly List<LineError> _errors = [];
    private readonly List<(MeasurementField Field, double Value)> _pending = [];
    private long _line;

    private LineRows Rows => _buffers.Rows;

    /// <summary>How many readings there are, in the order in which the first line of each came.</summary>
    public int Count => Rows.Count;

    /// <summary>The metrics that readings have, in the order in which the first value of each came.</summary>
    public IReadOnlyList<string> Metrics => Rows.Metrics;

    /// <summary>How many lines were refused.</summary>
    public long Refused { get; private set; }

    /// <summary>The first lines that were refused.</summary>
    public IReadOnlyList<LineError> Errors => _errors;

    /// <summary>Values that were left out because they are texts.</summary>
    public StringCounts Strings { get; } = new();

    /// <summary>The same instance for the same sensor.</summary>
    public string SensorId(int row) => Rows.Sensor(row).Id;

    public Instant Time(int row) => new(Rows.Micros(row));

    /// <summary>The number of the first line of a reading.</summary>
    public long LineNumber(int row) => Rows.LineNumber(row);

    /// <summary>Gives the lines of all readings away, which is the caller's then, for others to be used again.</summary>
    public LineTexts TakeTexts(LineTexts used)
    {
        used.Clear();
        (_buffers.Texts, var taken) = (used, _buffers.Texts);
        return taken;
    }

    /// <summary>Copies the values of a reading. What it doesn't have is NaN.</summary>
    /// <param name="row">The reading.</param>
    /// <param name="places">Where the value of each of <see cref="Metrics"/> goes; −1 for nowhere.</param>
    /// <param name="values">Where the values go.</param>
    public void CopyValues(int row, ReadOnlySpan<int> places, Span<double> values) => Rows.CopyValues(row, places, values);

    /// <summary>Reads whole lines; see <see cref="LineProtocolParser.TryRead"/>.</summary>
    /// <param name="text">What was read is taken from its beginning.</param>
    /// <param name="isFinal">Whether nothing follows the text.</param>
    /// <param name="mostReadings">Stops with so many readings.</param>
    /// <param name="mostValues">Stops with so many values, those that are missing counted too.</param>
    public void Read(ref ReadOnlySpan<byte> text, bool isFinal, int mostReadings = int.MaxValue, long mostValues = long.MaxValue)
    {
        while (Rows.Count < mostReadings && (long)Rows.Count * Rows.Metrics.Count < mostValues
            && _parser.TryRead(ref text, isFinal, out var line))
        {
            if ((line.Error ?? TryAdd(line)) is { } error && Refused++ < mostErrors)
            {
                _errors.Add(new LineError(line.Number, LineTexts.Shorten(line.Text), error));
            }
        }
    }

    /// <summary>Forgets the readings, metrics, errors and counts, and keeps the memory and the number of the line.</summary>
    public void Clear()
    {
        Rows.Clear();
        _names.Clear();
        _errors.Clear();
        _buffers.Texts.Clear();
        Strings.Clear();
        Refused = 0;
    }

    /// <summary>Takes all values of a line or none.</summary>
    private string? TryAdd(in Line line)
    {
        var series = _names.Series(line);
        if (series.Error is not null)
        {
            return series.Error;
        }

        var time = line.Time ?? arrival;
        if (validator?.CheckTime(time) is { } wrong)
        {
            return wrong;
        }

        var micros = time.Micros;
        var row = Rows.Find(series.Sensor, micros);
        if (Collect(line, series, row) is { } error)
        {
            return error;
        }

        CountStrings(line);
        if (_pending.Count > 0)
        {
            if (row < 0)
            {
                row = Rows.Add(series.Sensor, micros, line.Number);
                _buffers.Texts.Add(line.Text);
            }

            foreach (var (field, value) in CollectionsMarshal.AsSpan(_pending))
            {
                Rows.Set(row, field, series, value);
            }
        }

        return null;
    }

    /// <returns>Null, or why the line's values can't all be the row's, −1 being a new one.</returns>
    private string? Collect(in Line line, LineSeries series, int row)
    {
        var width = 0;
        if (row >= 0)
        {
            Rows.Mark(row);
            width = Rows.CellCount(row);
        }

        _line++;
        _pending.Clear();
        for (var f = 0; f < line.FieldCount; f++)
        {
            var field = line.Field(f);
            if (field.Kind != FieldKind.String)
            {
                var known = _names.Field(series.Measurement, f, field.Key);
                width += known.Metric.InLine.Line == _line || Rows.Source(row, known.Metric) is not null ? 0 : 1;
                var value = field.Number;
                if ((Check(known, series, row) ?? ReadingValidator.CheckValue(known.Metric.Definition, value)) is { } error)
                {
                    return error;
                }

                _pending.Add((known, value));
            }
        }

        return width > MaxMetrics ? $"a reading has more than {MaxMetrics} metrics" : null;
    }

    /// <returns>Null, or why the field can't be a value of the row.</returns>
    private string? Check(MeasurementField field, LineSeries series, int row)
    {
        if (field.Error is not null)
        {
            return field.Error;
        }

        var metric = field.Metric;
        if (metric.InLine.Line == _line && metric.InLine.Field != field)
        {
            return $"the fields {metric.InLine.Field} and {field} are both the metric {metric.Name}: rename one";
        }

        metric.InLine = (_line, field);
        return Rows.Source(row, metric) is not { } source || source == (field.Id, series.Id) ? null
            : source.Field != field.Id
                ? $"the field {field} is the metric {metric.Name}, which this reading has from another field: rename one"
            : $"the metric {metric.Name} of sensor '{series.Sensor.Id}' at this time came with other tags: make the tags that differ part "
                + "of the sensor id";
    }

    private void CountStrings(in Line line)
    {
        for (var f = 0; f < line.FieldCount && _pending.Count < line.FieldCount; f++)
        {
            if (line.Field(f) is { Kind: FieldKind.String } field)
            {
                Strings.Add(field.Key);
            }
        }
    }
}
