using System.Runtime.InteropServices;

namespace Tidemark.Ingest.LineProtocol;

/// <summary>Readings as rows that can still get values: each is a list of cells, the cells of all stand in one array.</summary>
internal sealed class LineRows
{
    private readonly List<Row> _rows = [];
    private readonly List<Cell> _cells = [];
    private readonly List<LineMetric> _metrics = [];
    private readonly List<string> _names = [];
    private Dictionary<(LineSensor, long), int>? _byKey;
    private int _marked = -1;

    /// <param name="Line">The number of the first line.</param>
    /// <param name="Cells">How many it has.</param>
    /// <param name="First">The first of its cells; −1 for none.</param>
    /// <param name="Last">The last of its cells; −1 for none.</param>
    private record struct Row(LineSensor Sensor, long Micros, long Line, int Cells, int First, int Last);

    /// <param name="Metric">Its place among the metrics.</param>
    /// <param name="Next">The next cell of the row; −1 for none.</param>
    private record struct Cell(double Value, int Metric, int Field, int Series, int Next);

    public int Count => _rows.Count;

    public long Capacity => _cells.Capacity;

    public IReadOnlyList<string> Metrics => _names;

    public LineSensor Sensor(int row) => _rows[row].Sensor;

    public long Micros(int row) => _rows[row].Micros;

    public long LineNumber(int row) => _rows[row].Line;

    public int CellCount(int row) => _rows[row].Cells;

    public void CopyValues(int row, ReadOnlySpan<int> places, Span<double> values)
    {
        values.Fill(double.NaN);
        var cells = CollectionsMarshal.AsSpan(_cells);
        for (var cell = _rows[row].First; cell >= 0; cell = cells[cell].Next)
        {
            if (places[cells[cell].Metric] is var place and >= 0)
            {
                values[place] = cells[cell].Value;
            }
        }
    }

    /// <returns>−1 when there is none.</returns>
    public int Find(LineSensor sensor, long micros)
    {
        var newest = sensor.NewestRow < 0 ? long.MinValue : _rows[sensor.NewestRow].Micros;
        if (micros >= newest)
        {
            return micros == newest ? sensor.NewestRow : -1;
        }

        // Most bodies are in order and never come here.
        if (_byKey is null)
        {
            _byKey = new Dictionary<(LineSensor, long), int>(_rows.Count);
            for (var row = 0; row < _rows.Count; row++)
            {
                _byKey.Add((_rows[row].Sensor, _rows[row].Micros), row);
            }
        }

        return _byKey.TryGetValue((sensor, micros), out var found) ? found : -1;
    }

    /// <param name="sensor">Has no row of that time.</param>
    /// <param name="micros">Its time.</param>
    /// <param name="line">The number of its first line.</param>
    public int Add(LineSensor sensor, long micros, long line)
    {
        var row = _rows.Count;
        _rows.Add(new Row(sensor, micros, line, 0, -1, -1));
        if (sensor.NewestRow < 0 || micros > _rows[sensor.NewestRow].Micros)
        {
            sensor.NewestRow = row;
        }

        _byKey?.Add((sensor, micros), row);
        return _marked = row;
    }

    /// <summary>Notes at the metrics where the row has them. Comes before the two calls below for a row that was there already.</summary>
    public void Mark(int row)
    {
        if (row == _marked)
        {
            return;
        }

        var cells = CollectionsMarshal.AsSpan(_cells);
        for (var cell = _rows[row].First; cell >= 0; cell = cells[cell].Next)
        {
            _metrics[cells[cell].Metric].InRow = (row, cell);
        }

        _marked = row;
    }

    /// <param name="row">−1 for one that isn't there yet.</param>
    /// <returns>The ids of the field and the series that the row has the metric from; null when it doesn't have it.</returns>
    public (int Field, int Series)? Source(int row, LineMetric metric)
        => row >= 0 && metric.InRow.Row == row && _cells[metric.InRow.Cell] is var cell ? (cell.Field, cell.Series) : null;

    public void Set(int row, MeasurementField field, LineSeries series, double value)
    {
        var metric = field.Metric;
        if (metric.InRow.Row == row)
        {
            CollectionsMarshal.AsSpan(_cells)[metric.InRow.Cell].Value = value;
            return;
        }

        if (metric.Index < 0)
        {
            metric.Index = _metrics.Count;
            _metrics.Add(metric);
            _names.Add(metric.Name);
        }

        var cell = _cells.Count;
        _cells.Add(new Cell(value, metric.Index, field.Id, series.Id, -1));
        metric.InRow = (row, cell);
        ref var target = ref CollectionsMarshal.AsSpan(_rows)[row];
        if (target.Cells++ == 0)
        {
            target.First = cell;
        }
        else
        {
            CollectionsMarshal.AsSpan(_cells)[target.Last].Next = cell;
        }

        target.Last = cell;
    }

    public void Clear()
    {
        _rows.Clear();
        _cells.Clear();
        _metrics.Clear();
        _names.Clear();
        _byKey = null;
        _marked = -1;
    }
}
