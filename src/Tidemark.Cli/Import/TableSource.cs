namespace Tidemark.Cli.Import;

/// <summary>The text of a row's time, which may stand in several columns; a number has a point before its decimals.</summary>
internal sealed class TimeBuilder(IReadOnlyList<int> columns, char decimalMark)
{
    private char[] _joined = new char[64];

    public ReadOnlySpan<char> Of(TableRows rows)
    {
        if (columns.Count == 1)
        {
            var field = rows.Field(columns[0]);
            return decimalMark == '.' || field.IndexOf(decimalMark) < 0 || field.ContainsAnyExcept("-0123456789,")
                ? field
                : field.ToString().Replace(decimalMark, '.');
        }

        var length = 0;
        foreach (var column in columns)
        {
            var part = rows.Field(column);
            if (part.IsWhiteSpace())
            {
                return default;
            }

            if (_joined.Length < length + part.Length + 1)
            {
                Array.Resize(ref _joined, 2 * (length + part.Length + 1));
            }

            if (length > 0)
            {
                _joined[length++] = ' ';
            }

            part.CopyTo(_joined.AsSpan(length));
            length += part.Length;
        }

        return _joined.AsSpan(0, length);
    }
}

/// <summary>The readings of a table: one a row, one value a row, or one for each of a row's sensors.</summary>
internal sealed class TableSource(
    TableRows rows, TableSurvey survey, ImportSettings settings, IReadOnlyList<string> metrics) : ReadingSource
{
    private readonly ColumnMap _map = survey.Map;
    private readonly ImportTime _time = survey.Time;
    private readonly NumberText _numbers = settings.Numbers;
    private readonly TimeBuilder _timeText = new(survey.Map.Time, settings.DecimalMark);
    private readonly double[] _values = new double[metrics.Count];
    private readonly bool _hasColumnsOfSensors = settings.MetricOfSensors is not null;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _longMetrics
        = survey.LongMetrics.GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly SensorIds _sensorIds = new();
    private int _cell = -1;
    private string? _rowError;
    private Instant _rowTime;

    public override long Line => rows.Line;

    public override ReadOnlySpan<char> Text => rows.Text;

    public override IReadOnlyList<string> Metrics => metrics;

    public override ReadOnlySpan<double> Values => _values;

    public override IReadOnlyList<string> Notes =>
    [
        .. survey.LeftOut.Count == 0 ? Array.Empty<string>() : ["left out: "
            + $"{string.Join("; ", survey.LeftOut.Select(c => $"{c.Column} ({c.Why})"))}"],
        .. _time.Repeated == 0 ? Array.Empty<string>() : [$"{Readable.Count(_time.Repeated, "local time")} fell into an hour that a clock "
            + $"change repeats: {(_time.Order == RowOrder.None ? "the rows are in no order, and the first of the two was taken"
                : "the order of the rows told which of the two")}"],
    ];

    public override bool Next()
    {
        if (_hasColumnsOfSensors)
        {
            return NextCell();
        }

        // Of rows with one value those that have none, or of a metric that is left out, give nothing.
        while (rows.Next())
        {
            if (_map.MetricColumn < 0 || rows.Fault is not null || GivesValue())
            {
                return true;
            }
        }

        return false;
    }

    public override string? TryRead(out string sensorId, out Instant time)
    {
        (sensorId, time) = ("", _rowTime);
        if (rows.Fault is { } fault)
        {
            return fault;
        }

        Array.Fill(_values, double.NaN);
        if (_hasColumnsOfSensors)
        {
            if (_rowError is not null)
            {
                return _rowError;
            }

            var cell = _map.Values[_cell];
            sensorId = cell.Sensor!;
            return ReadValue(cell.Index, cell.Metric);
        }

        sensorId = settings.Sensor ?? _sensorIds.Get(rows.Field(_map.Sensor));
        if (_map.MetricColumn >= 0)
        {
            _ = _longMetrics.TryGetValue(rows.Field(_map.MetricColumn), out var metric);
            return _time.TryRead(_timeText.Of(rows), new Series(sensorId, metric), out time) ?? ReadValue(_map.Value, metric);
        }

        if (_time.TryRead(_timeText.Of(rows), new Series(sensorId), out time) is { } error)
        {
            return error;
        }

        foreach (var value in _map.Values)
        {
            if (ReadValue(value.Index, value.Metric) is { } wrong)
            {
                return wrong;
            }
        }

        return null;
    }

    public override void Dispose() => rows.Dispose();

    private bool GivesValue()
        => !_longMetrics.TryGetValue(rows.Field(_map.MetricColumn), out var metric)
            || (metric >= 0 && !_numbers.IsMissing(rows.Field(_map.Value)));

    /// <summary>Goes on to the row's next sensor with a value, or to the next row that has one or is wrong.</summary>
    private bool NextCell()
    {
        while (true)
        {
            while (_cell >= 0 && ++_cell < _map.Values.Count)
            {
                if (!_numbers.IsMissing(rows.Field(_map.Values[_cell].Index)))
                {
                    return true;
                }
            }

            if (!rows.Next())
            {
                return false;
            }

            _cell = -1;
            _rowError = rows.Fault ?? _time.TryRead(_timeText.Of(rows), out _rowTime);
            if (_rowError is not null)
            {
                return true;
            }

            _cell = 0;
            if (!_numbers.IsMissing(rows.Field(_map.Values[0].Index)))
            {
                return true;
            }
        }
    }

    private string? ReadValue(int column, int metric) => _numbers.TryRead(rows.Field(column), out _values[metric])
        ? null
        : $"{metrics[metric]} '{ImportTime.Shown(rows.Field(column).Trim())}' is not a number such as -12.5";
}

/// <summary>The same instance for the same id, made once.</summary>
internal sealed class SensorIds
{
    private const int Most = 1_000_000;

    private readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> _known
        = new Dictionary<string, string>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    public string Get(ReadOnlySpan<char> text)
    {
        if (!_known.TryGetValue(text, out var id))
        {
            if (_known.Dictionary.Count == Most)
            {
                _known.Dictionary.Clear();
            }

            id = text.ToString();
            _known.Dictionary.Add(id, id);
        }

        return id;
    }
}
