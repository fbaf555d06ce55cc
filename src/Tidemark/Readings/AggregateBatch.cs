namespace Tidemark.Readings;

/// <summary>
/// Rows of one aggregate in columns: bucket starts, sensor ids, reading counts, then the aggregate's columns, where NaN stands for null.
/// </summary>
public sealed class AggregateBatch
{
    private readonly List<string> _sensorIds = [];
    private readonly double[][] _values;
    private long[] _buckets;
    private long[] _counts;

    public AggregateBatch(int columnCount, int capacity)
    {
        (_buckets, _counts) = (new long[capacity], new long[capacity]);
        _values = new double[columnCount][];
        for (var c = 0; c < columnCount; c++)
        {
            _values[c] = new double[capacity];
        }
    }

    public int Count { get; private set; }

    public int ColumnCount => _values.Length;

    public Instant Bucket(int row) => new(_buckets[row]);

    public string SensorId(int row) => _sensorIds[row];

    /// <summary>How many readings the bucket holds, those with nulls included.</summary>
    public long ReadingCount(int row) => _counts[row];

    /// <summary>A value in the order of the aggregate's columns; NaN stands for null.</summary>
    public double Value(int row, int column) => _values[column][row];

    /// <summary>Bucket starts in microseconds since the epoch, behind <see cref="Count"/> anything.</summary>
    internal long[] Buckets => _buckets;

    internal long[] Counts => _counts;

    /// <summary>A column's values, behind <see cref="Count"/> anything.</summary>
    internal double[] Values(int column) => _values[column];

    /// <summary>Adds a row; its values are set in <see cref="Set"/>.</summary>
    public int Add(Instant bucket, string sensorId, long readingCount)
    {
        if (Count == _buckets.Length)
        {
            Grow();
        }

        (_buckets[Count], _counts[Count]) = (bucket.Micros, readingCount);
        _sensorIds.Add(sensorId);
        return Count++;
    }

    public void Set(int row, int column, double value) => _values[column][row] = value;

    private void Grow()
    {
        var capacity = Math.Max(16, 2 * Count);
        Array.Resize(ref _buckets, capacity);
        Array.Resize(ref _counts, capacity);
        for (var c = 0; c < _values.Length; c++)
        {
            Array.Resize(ref _values[c], capacity);
        }
    }
}
