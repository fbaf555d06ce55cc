using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>A column that gives values.</summary>
/// <param name="Index">Its place in the header.</param>
/// <param name="Metric">The place of its metric.</param>
/// <param name="Sensor">Whose values they are; null where another column tells.</param>
internal readonly record struct ValueColumn(int Index, int Metric, string? Sensor = null);

/// <summary>Which column of a table gives what.</summary>
internal sealed class ColumnMap
{
    public const string TimeName = "time";
    public const string SensorName = "sensor_id";

    // Names that tables with one row a value have for their two columns.
    private static readonly string[] MetricNames = ["metric", "_field", "field", "variable", "parameter", "measurement", "quantity", "key"];
    private static readonly string[] ValueNames = ["value", "_value", "val", "reading"];

    private readonly ImportSettings _settings;
    private readonly IncomingMetrics _metrics;
    private readonly List<ValueColumn> _values = [];
    private readonly List<(string Column, string Why)> _leftOut = [];
    private readonly List<int> _open = [];

    /// <param name="header">The column names of the table.</param>
    /// <param name="settings">Fields that it doesn't map are matched by name, ignoring case.</param>
    /// <param name="metrics">Those that there are, and may be.</param>
    /// <exception cref="CommandFailedException">A column is missing or ambiguous.</exception>
    public ColumnMap(IReadOnlyList<string> header, ImportSettings settings, IncomingMetrics metrics)
    {
        (Header, _settings, _metrics) = (header, settings, metrics);
        Time = FindTime();
        if (settings.MetricOfSensors is { } metric)
        {
            var place = PlaceOf(metric, metrics, "--metric");
            _open.AddRange(Enumerable.Range(0, header.Count).Where(column => !Time.Contains(column) && header[column].Length > 0));
            _values.AddRange(_open.Select(column => new ValueColumn(column, place, header[column])));
            return;
        }

        Sensor = settings.Sensor is null ? Find(SensorName) : -1;
        if (Sensor < 0 && settings.Sensor is null)
        {
            throw new CommandFailedException(
                $"no column is named {SensorName}: give --sensor NAME for all rows, or --map {SensorName}=COLUMN; {Describe()}");
        }

        if (settings.MetricColumn is not null)
        {
            MetricColumn = Named(settings.MetricColumn, "--metric-column");
            Value = Named(settings.ValueColumn!, "--value-column");
            AddLeftOver("no part of a row that holds one value");
            return;
        }

        AddMapped();
        AddKnown();
        if (settings.MapsMetrics || !metrics.MayGrow)
        {
            AddLeftOver(settings.MapsMetrics ? "--map names the metrics" : "no metric has this name");
            RequireValues();
        }
        else
        {
            _open.AddRange(LeftOver());
        }
    }

    public IReadOnlyList<string> Header { get; }

    /// <summary>The columns whose texts, with a blank between them, are the time.</summary>
    public IReadOnlyList<int> Time { get; }

    /// <summary>−1 when no column tells it.</summary>
    public int Sensor { get; } = -1;

    /// <summary>The column that names a row's metric; −1 for none.</summary>
    public int MetricColumn { get; } = -1;

    /// <summary>The column of the value of a row that has one; −1 for none.</summary>
    public int Value { get; } = -1;

    public IReadOnlyList<ValueColumn> Values => _values;

    /// <summary>Columns of which it depends on what they hold whether they give values.</summary>
    public IReadOnlyList<int> Open => _open;

    public IReadOnlyList<(string Column, string Why)> LeftOut => _leftOut;

    /// <summary>Makes metrics of the open columns that hold numbers.</summary>
    /// <param name="whyNot">Null for a column that holds numbers.</param>
    public void Decide(Func<int, string?> whyNot)
    {
        if (_settings.MetricOfSensors is not null)
        {
            _values.RemoveAll(value => whyNot(value.Index) is not null);
            _leftOut.AddRange(_open.Where(column => whyNot(column) is not null).Select(column => (Header[column], whyNot(column)!)));
        }
        else
        {
            foreach (var column in _open)
            {
                if ((whyNot(column) ?? TryAdd(column)) is { } why)
                {
                    _leftOut.Add((Header[column], why));
                }
            }

            RefuseLongTable();
        }

        _open.Clear();
        RequireValues();
    }

    /// <summary>The place of a metric that the caller names.</summary>
    /// <exception cref="CommandFailedException">There is none, and there can't be.</exception>
    public static int PlaceOf(string metric, IncomingMetrics metrics, string option)
    {
        var known = metrics.Find(metric);
        if (known >= 0)
        {
            return known;
        }

        if (!metrics.MayGrow)
        {
            throw new CommandFailedException(
                $"{option}: there is no field '{metric}'; there are {TimeName}, {SensorName}, {string.Join(", ", metrics.Names)}");
        }

        var error = Metric.CheckName(metric) ?? metrics.Add(metric, out known);
        return error is null ? known : throw new CommandFailedException($"{option}: {error}");
    }

    public string Describe()
    {
        const int Most = 30;
        var names = string.Join(
            ", ",
            Header.Take(Most).Select(name => new string([.. ImportTime.Shown(name).Where(c => !char.IsControl(c))])));
        return $"the header has {names}{(Header.Count > Most ? $" and {Header.Count - Most} more" : "")}";
    }

    private void AddMapped()
    {
        foreach (var (field, column) in _settings.Mapping.Where(m => m.Key is not (TimeName or SensorName)))
        {
            var place = PlaceOf(field, _metrics, "--map");
            _values.Add(new ValueColumn(Named(column, $"--map {field}={column}"), place));
        }
    }

    private void AddKnown()
    {
        for (var place = 0; place < _metrics.Names.Count; place++)
        {
            if (_values.TrueForAll(value => value.Metric != place) && Find(_metrics.Names[place]) is var column and >= 0)
            {
                _values.Add(new ValueColumn(column, place));
            }
        }

        _values.Sort((a, b) => a.Metric.CompareTo(b.Metric));
    }

    private string? TryAdd(int column)
    {
        var place = _metrics.Find(Header[column]);
        if (place < 0 && _metrics.Add(Header[column], out place) is { } error)
        {
            return error;
        }

        if (_values.FindIndex(value => value.Metric == place) is var other and >= 0)
        {
            return $"'{Header[_values[other].Index]}' is the metric {_metrics.Names[place]} already: map it to another one";
        }

        _values.Add(new ValueColumn(column, place));
        return null;
    }

    private IReadOnlyList<int> FindTime()
    {
        if (!_settings.Mapping.TryGetValue(TimeName, out var mapped))
        {
            return Find(TimeName) is var time and >= 0
                ? [time]
                : throw new CommandFailedException(
                    $"no column is named {TimeName}: say which one it is with --map {TimeName}=COLUMN; {Describe()}");
        }

        var names = Places(mapped).Count > 0 || !mapped.Contains('+') ? [mapped] : mapped.Split('+', StringSplitOptions.TrimEntries);
        return [.. names.Select(name => Named(name, $"--map {TimeName}={mapped}"))];
    }

    private int Find(string field)
        => _settings.Mapping.TryGetValue(field, out var name) ? Named(name, $"--map {field}={name}") : Unique(field);

    private int Named(string name, string option)
    {
        var column = Unique(name);
        return column >= 0 ? column : throw new CommandFailedException($"{option}: there is no column '{name}'; {Describe()}");
    }

    private int Unique(string name)
    {
        var places = Places(name);
        return places.Count switch
        {
            0 => -1,
            1 => places[0],
            _ => throw new CommandFailedException(
                $"{places.Count} columns are named '{name}': rename one in the file, or map another; {Describe()}"),
        };
    }

    private List<int> Places(string name)
    {
        var exact = Equal(StringComparison.Ordinal);
        return exact.Count > 0 ? exact : Equal(StringComparison.OrdinalIgnoreCase);

        List<int> Equal(StringComparison comparison)
            => [.. Enumerable.Range(0, Header.Count).Where(column => Header[column].Equals(name.Trim(), comparison))];
    }

    private IEnumerable<int> LeftOver()
    {
        var used = _values.Select(value => value.Index).Concat(Time).Append(Sensor).Append(MetricColumn).Append(Value).ToHashSet();
        return Enumerable.Range(0, Header.Count).Where(column => !used.Contains(column) && Header[column].Length > 0);
    }

    private void AddLeftOver(string why) => _leftOut.AddRange(LeftOver().Select(column => (Header[column], why)));

    /// <summary>A table with one row a value, read as if it had a column for each metric, would end with all metrics in one.</summary>
    private void RefuseLongTable()
    {
        var names = _leftOut.Select(column => column.Column).FirstOrDefault(name => MetricNames.Contains(name.ToLowerInvariant()));
        if (names is not null && !_settings.MapsMetrics && _values.Select(value => Header[value.Index])
            .FirstOrDefault(name => ValueNames.Contains(name.ToLowerInvariant())) is { } value)
        {
            throw new CommandFailedException($"the table seems to hold one value a row: say so with --metric-column {names} "
                + $"--value-column {value}, or name the metrics with --map METRIC=COLUMN; {Describe()}");
        }
    }

    private void RequireValues()
    {
        if (_values.Count > 0)
        {
            return;
        }

        var why = _leftOut.Count == 0 ? "" : $" ({string.Join("; ", _leftOut.Take(5).Select(c => $"{c.Column}: {c.Why}"))})";
        throw new CommandFailedException(_settings.MetricOfSensors is not null
            ? $"no column holds numbers of a sensor{why}; {Describe()}"
            : _metrics.MayGrow
                ? $"no column holds numbers of a metric{why}: say which one does with --map {_metrics.Names[0]}=COLUMN; {Describe()}"
                : $"no column is named {string.Join(" or ", _metrics.Names)}: say which one gives a metric with --map "
                    + $"{_metrics.Names[0]}=COLUMN; {Describe()}");
    }
}
