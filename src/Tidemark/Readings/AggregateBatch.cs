namespace Tidemark.Readings;

/// <summary>
/// Rows of one aggregate in columns: bucket starts, sensor ids, reading counts, then the aggregate's columns, where NaN stands for null.
/// </summary>
public sealed class AggregateBatch
{
    private readonly List<long> _buckets = [];
    private readonly List<string> _sensorIds = [];
    private readonly List<long> _counts = [];
    private readonly double[][] _values;

    public AggregateBatch(int columnCount, int capacity)
    {
        _values = new double[columnCount][];
        for (var c = 0; c < columnCount; c++)
        {
            _values[c] = new double[capacity];
        }
    }

    public int Count => _buckets.Count;

    public int ColumnCount => _values.Length;

    public Instant Bucket(int row) => new(_buckets[row]);

    public string SensorId(int row) => _sensorIds[row];

    /// <summary>How many readings the bucket holds, those with nulls included.</summary>
    public long ReadingCount(int row) => _counts[row];

    /// <summary>A value in the order of the aggregate's columns; NaN stands for null.</summary>
    public double Value(int row, int column) => _values[column][row];

    /// <summary>Adds a row; its values are set in <see cref="Set"/>.</summary>
    public int Add(Instant bucket, string sensorId, long readingCount)
    {
        if (_buckets.Count == _values[0].Length)
        {
            for (var c = 0; c < _values.Length; c++)
            {
                Array.Resize(ref _values[c], Math.Max(16, 2 * _values[c].Length));
            }
        }

        _buckets.Add(bucket.Micros);
        _sensorIds.Add(sensorId);
        _counts.Add(readingCount);
        return _buckets.Count - 1;
    }

    public void Set(int row, int column, double value) => _values[column][row] = value;
}
