using System.Globalization;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>Looks at all rows of a table before any is stored, and decides once which columns give what and what times mean.</summary>
internal sealed class TableSurvey
{
    private const int MostLongMetrics = 4096;

    private readonly ImportSettings _settings;
    private readonly IncomingMetrics _metrics;
    private readonly ColumnMap _map;
    private readonly NumberText _numbers;
    private readonly Finding[] _columns;
    private readonly Dictionary<string, Finding>.AlternateLookup<ReadOnlySpan<char>> _longMetrics
        = new Dictionary<string, Finding>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly List<(string Column, string Why)> _leftOut = [];
    private readonly TimeBuilder _timeText;
    private bool _isDate = true;
    private bool _isClock = true;
    private bool _hasRows;
    private bool _sharesDates;
    private (string Sensor, string Time) _before = ("", "");

    private TableSurvey(TableRows rows, ImportSettings settings, IncomingMetrics metrics)
    {
        (_settings, _metrics) = (settings, metrics);
        _map = new ColumnMap(rows.Header, settings, metrics);
        _numbers = settings.Numbers;
        _columns = [.. rows.Header.Select(_ => new Finding())];
        _timeText = new TimeBuilder(_map.Time, settings.DecimalMark);
        Times = new TimeSurvey(settings);
    }

    public TimeSurvey Times { get; }

    /// <summary>Reads the times of one run over the rows.</summary>
    public ImportTime Time => Times.Decide();

    public ColumnMap Map => _map;

    /// <summary>In a table with one value a row the places of its metrics by name; −1 for one that is left out.</summary>
    public Dictionary<string, int> LongMetrics { get; } = new(StringComparer.Ordinal);

    /// <summary>Columns, or metrics of rows with one value, that give nothing.</summary>
    public IReadOnlyList<(string Column, string Why)> LeftOut => [.. _map.LeftOut, .. _leftOut];

    /// <exception cref="CommandFailedException">A column is missing, or what something means can't be told.</exception>
    public static TableSurvey Of(TableRows rows, ImportSettings settings, IncomingMetrics metrics, CancellationToken cancellationToken)
    {
        var survey = new TableSurvey(rows, settings, metrics);
        while (rows.Next())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (rows.Fault is null)
            {
                survey.Add(rows);
            }
        }

        survey.Decide();
        return survey;
    }

    private void Add(TableRows rows)
    {
        var sensor = _map.Sensor < 0 ? "" : rows.Field(_map.Sensor);
        var metric = _map.MetricColumn < 0 ? default : rows.Field(_map.MetricColumn);
        if (_map.MetricColumn >= 0)
        {
            Find(metric)?.Add(rows, _map.Value, _numbers);
        }

        foreach (var column in _map.Open)
        {
            _columns[column].Add(rows, column, _numbers);
        }

        var time = _timeText.Of(rows);
        Times.Add(time, SeriesOf(sensor, metric), rows.Line);
        _hasRows = true;
        _isClock = _isClock && IsClock(time);
        if (_map.Time.Count == 1 && _isDate)
        {
            NoteDate(rows, sensor, time);
        }
    }

    private Series SeriesOf(ReadOnlySpan<char> sensor, ReadOnlySpan<char> metric)
        => _settings.Zone is null ? default : new Series(metric.IsEmpty ? sensor.ToString() : $"{sensor}\n{metric}");

    private Finding? Find(ReadOnlySpan<char> metric)
    {
        if (!_longMetrics.TryGetValue(metric, out var finding))
        {
            if (_longMetrics.Dictionary.Count == MostLongMetrics)
            {
                throw new CommandFailedException(
                    $"the column {_map.Header[_map.MetricColumn]} names more than {MostLongMetrics} metrics: name another --metric-column");
            }

            _longMetrics[metric] = finding = new Finding();
        }

        return finding;
    }

    private void NoteDate(TableRows rows, ReadOnlySpan<char> sensor, ReadOnlySpan<char> time)
    {
        _isDate = !time.Contains(':') && time.Length is > 0 and <= 10 && !Instant.TryParseNumber(time, out _);
        if (!_isDate || _sharesDates)
        {
            return;
        }

        _sharesDates = time.SequenceEqual(_before.Time) && sensor.SequenceEqual(_before.Sensor) && Clock(rows) >= 0;
        _before = (sensor.ToString(), time.ToString());
    }

    /// <summary>A column whose fields are times of day.</summary>
    private int Clock(TableRows rows)
    {
        for (var column = 0; column < _map.Header.Count; column++)
        {
            if (!_map.Time.Contains(column) && IsClock(rows.Field(column)))
            {
                return column;
            }
        }

        return -1;
    }

    private static bool IsClock(ReadOnlySpan<char> field)
        => field.Trim() is { Length: >= 4 and <= 16 } text && text[text[1] == ':' ? 1 : 2] == ':'
            && TimeOnly.TryParse(text, CultureInfo.InvariantCulture, out _);

    private void Decide()
    {
        if (_isDate && _sharesDates)
        {
            var date = _map.Header[_map.Time[0]];
            throw new CommandFailedException($"the column {date} holds dates, and rows of one day have their time of day in another "
                + $"column: join both with --map {ColumnMap.TimeName}={date}+COLUMN; {_map.Describe()}");
        }

        if (_isClock && _hasRows)
        {
            throw new CommandFailedException($"the column {_map.Header[_map.Time[0]]} holds times of day alone: join it with that of the "
                + $"date by --map {ColumnMap.TimeName}=COLUMN+{_map.Header[_map.Time[0]]}; {_map.Describe()}");
        }

        Times.Decide();
        if (_map.MetricColumn >= 0)
        {
            DecideLongMetrics();
        }
        else
        {
            _map.Decide(column => _columns[column].WhyNot(_settings));
        }
    }

    private void DecideLongMetrics()
    {
        var mapped = _settings.Mapping.Where(m => m.Key is not (ColumnMap.TimeName or ColumnMap.SensorName))
            .ToDictionary(m => m.Value, m => m.Key, StringComparer.Ordinal);
        foreach (var (name, finding) in _longMetrics.Dictionary)
        {
            if (mapped.TryGetValue(name, out var metric))
            {
                LongMetrics[name] = ColumnMap.PlaceOf(metric, _metrics, "--map");
                continue;
            }

            var place = _metrics.Find(name);
            var why = place >= 0 && _metrics.IsConfigured(place) ? null
                : mapped.Count > 0 ? "--map names the metrics"
                : finding.WhyNot(_settings);
            if (why is null && place < 0)
            {
                why = _metrics.Add(name, out place);
            }

            LongMetrics[name] = why is null ? place : -1;
            if (why is not null)
            {
                _leftOut.Add((name, why));
            }
        }

        if (LongMetrics.Count > 0 && LongMetrics.Values.All(place => place < 0))
        {
            throw new CommandFailedException($"the column {_map.Header[_map.MetricColumn]} names no metric that has numbers: "
                + $"{string.Join("; ", _leftOut.Take(5).Select(c => $"{c.Column}: {c.Why}"))}");
        }
    }

    /// <summary>What a column holds.</summary>
    private sealed class Finding
    {
        private bool _hasNumbers;
        private (long Line, string Text)? _text;

        public void Add(TableRows rows, int column, NumberText numbers)
        {
            if (_text is not null)
            {
                return;
            }

            var field = rows.Field(column);
            if (!numbers.TryRead(field, out var value))
            {
                _text = (rows.Line, field.ToString());
            }

            _hasNumbers |= !double.IsNaN(value);
        }

        /// <returns>Null when it holds numbers.</returns>
        public string? WhyNot(ImportSettings settings)
        {
            if (_text is not { } text)
            {
                return _hasNumbers ? null : "it is empty";
            }

            var comma = settings.DecimalMark == '.' && new NumberText(',', null, []).TryRead(text.Text, out _);
            return $"'{ImportTime.Shown(text.Text)}' in line {text.Line} is no number{(comma ? "; --decimal , reads it" : "")}";
        }
    }
}
