namespace Tidemark.Readings;

/// <summary>
/// Readings in columns: times, sensor ids, then one column of doubles per metric, where NaN stands for null.
/// Buffers are kept by <see cref="Clear"/>, so one batch serves a whole load. Not thread-safe.
/// </summary>
public sealed class ReadingBatch
{
    /// <summary>How many readings a bulk load hands over at once: a whole number of row groups fills an engine's blocks.</summary>
    public const int BulkSize = 245_760;

    /// <summary>How many characters the name of a whole import may have: the rest of <see cref="ImportId"/> is for its parts.</summary>
    public const int LongestImportName = 150;

    private readonly double[][] _values;
    private long[] _times;
    private string[] _sensorIds;

    public ReadingBatch(int metricCount, int capacity = 1024)
    {
        _times = new long[capacity];
        _sensorIds = new string[capacity];
        _values = new double[metricCount][];
        for (var m = 0; m < metricCount; m++)
        {
            _values[m] = new double[capacity];
        }
    }

    public int Count { get; private set; }

    public int MetricCount => _values.Length;

    /// <summary>
    /// Names the batch as a part of a bulk load, up to 200 characters and none of them a control character: an append-only store writes a
    /// batch of that name once, however often it is sent.
    /// A store that knows readings by sensor and time has no need of it. Null for none.
    /// </summary>
    public string? ImportId { get; set; }

    /// <summary>Microseconds since the epoch.</summary>
    public ReadOnlySpan<long> TimesMicros => _times.AsSpan(0, Count);

    public ReadOnlySpan<string> SensorIds => _sensorIds.AsSpan(0, Count);

    public Reading this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            var values = new double[MetricCount];
            for (var m = 0; m < values.Length; m++)
            {
                values[m] = _values[m][row];
            }

            return new Reading(new Instant(_times[row]), _sensorIds[row], values);
        }
    }

    /// <summary>The column of one metric; NaN stands for null.</summary>
    public ReadOnlySpan<double> Metric(int metric) => _values[metric].AsSpan(0, Count);

    public void Add(string sensorId, Instant time, ReadOnlySpan<double> values)
    {
        if (Count == _times.Length)
        {
            Grow();
        }

        _times[Count] = time.Micros;
        _sensorIds[Count] = sensorId;
        for (var m = 0; m < _values.Length; m++)
        {
            _values[m][Count] = values[m];
        }

        Count++;
    }

    public void Add(Reading reading) => Add(reading.SensorId, reading.Time, reading.Values);

    /// <summary>The same batch without some of its rows.</summary>
    /// <param name="rows">Ascending.</param>
    public ReadingBatch Without(IReadOnlyList<int> rows)
    {
        var rest = new ReadingBatch(MetricCount, Count - rows.Count) { ImportId = ImportId };
        for (var (row, next) = (0, 0); row < Count; row++)
        {
            if (next < rows.Count && rows[next] == row)
            {
                next++;
            }
            else
            {
                rest.Add(this[row]);
            }
        }

        return rest;
    }

    public void Clear()
    {
        Array.Clear(_sensorIds, 0, Count);
        Count = 0;
    }

    private void Grow()
    {
        var capacity = Math.Max(16, 2 * _times.Length);
        Array.Resize(ref _times, capacity);
        Array.Resize(ref _sensorIds, capacity);
        for (var m = 0; m < _values.Length; m++)
        {
            Array.Resize(ref _values[m], capacity);
        }
    }
}
