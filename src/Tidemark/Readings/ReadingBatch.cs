namespace Tidemark.Readings;

/// <summary>What a reading does to one that is stored of the same sensor and time.</summary>
public enum WriteMode
{
    /// <summary>It takes its place: a metric without a value has none afterwards.</summary>
    Replace,

    /// <summary>It adds to it: a metric without a value keeps the one that is stored. Readings of a batch add to each other too.</summary>
    Merge,
}

/// <summary>
/// Readings in columns: times, sensor ids, then one column of doubles per metric, where NaN stands for null. A batch names its metrics:
/// which a store has, and in which order, may change meanwhile.
/// Buffers are kept by <see cref="Clear"/>, so one batch serves a whole load. Not thread-safe.
/// </summary>
public sealed class ReadingBatch
{
    /// <summary>How many readings a bulk load hands over at once: a whole number of row groups fills an engine's blocks.</summary>
    public const int BulkSize = 245_760;

    /// <summary>How many characters the name of a whole import may have: the rest of <see cref="ImportId"/> is for its parts.</summary>
    public const int LongestImportName = 150;

    private double[][] _values;
    private long[] _times;
    private string[] _sensorIds;

    /// <param name="metrics">Their names, each once.</param>
    /// <param name="capacity">How many readings it holds before it grows.</param>
    public ReadingBatch(IReadOnlyList<string> metrics, int capacity = 1024)
    {
        Metrics = metrics;
        _times = new long[capacity];
        _sensorIds = new string[capacity];
        _values = new double[metrics.Count][];
        for (var m = 0; m < _values.Length; m++)
        {
            _values[m] = new double[capacity];
        }
    }

    public int Count { get; private set; }

    /// <summary>The metrics' names in the order of a reading's values.</summary>
    public IReadOnlyList<string> Metrics { get; private set; }

    public int MetricCount => _values.Length;

    /// <summary>
    /// Names the batch as a part of a bulk load, up to 200 characters and none of them a control character: an append-only store writes a
    /// batch of that name once, however often it is sent.
    /// A store that knows readings by sensor and time has no need of it. Null for none.
    /// </summary>
    public string? ImportId { get; set; }

    public WriteMode Mode { get; set; }

    /// <summary>Whether two values are the same: nulls are, 0 and −0 are not.</summary>
    public static bool AreSame(double a, double b)
        => BitConverter.DoubleToInt64Bits(a) == BitConverter.DoubleToInt64Bits(b) || (double.IsNaN(a) && double.IsNaN(b));

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

    /// <summary>Microseconds since the epoch, behind <see cref="Count"/> anything.</summary>
    internal long[] Times => _times;

    /// <summary>One metric's values, behind <see cref="Count"/> anything.</summary>
    internal double[] Values(int metric) => _values[metric];

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

    /// <summary>Adds a metric, the last then, which is null in the readings that are there.</summary>
    public void AddMetric(string name)
    {
        Metrics = [.. Metrics, name];
        Array.Resize(ref _values, _values.Length + 1);
        _values[^1] = new double[_times.Length];
        Array.Fill(_values[^1], double.NaN, 0, Count);
    }

    /// <summary>The same readings with these metrics alone, which are null where the batch has none of that name.</summary>
    /// <remarks>It shares this one's buffers, so it lasts until this one changes.</remarks>
    public ReadingBatch Select(IReadOnlyList<string> metrics)
    {
        if (Metrics.SequenceEqual(metrics))
        {
            return this;
        }

        double[]? nulls = null;
        var selected = new ReadingBatch([])
        {
            _times = _times,
            _sensorIds = _sensorIds,
            Count = Count,
            ImportId = ImportId,
            Mode = Mode,
            Metrics = metrics,
            _values = [.. metrics.Select(m => MetricIndex(m) is var place and >= 0 ? _values[place] : nulls ??= Nulls(_times.Length))],
        };
        return selected;
    }

    /// <returns>−1 when there is none of that name.</returns>
    public int MetricIndex(string name)
    {
        for (var m = 0; m < Metrics.Count; m++)
        {
            if (Metrics[m] == name)
            {
                return m;
            }
        }

        return -1;
    }

    private static double[] Nulls(int count)
    {
        var nulls = new double[count];
        Array.Fill(nulls, double.NaN);
        return nulls;
    }

    public void Add(Reading reading) => Add(reading.SensorId, reading.Time, reading.Values);

    /// <summary>Gives a reading's metric another value.</summary>
    public void Set(int row, int metric, double value) => _values[metric][row] = value;

    public ReadingBatch Copy()
    {
        var copy = new ReadingBatch(Metrics, Count) { ImportId = ImportId, Mode = Mode, Count = Count };
        TimesMicros.CopyTo(copy._times);
        SensorIds.CopyTo(copy._sensorIds);
        for (var m = 0; m < MetricCount; m++)
        {
            Metric(m).CopyTo(copy._values[m]);
        }

        return copy;
    }

    /// <summary>The same batch without some of its rows.</summary>
    /// <param name="rows">Ascending.</param>
    public ReadingBatch Without(IReadOnlyList<int> rows)
    {
        var rest = new ReadingBatch(Metrics, Count - rows.Count) { ImportId = ImportId, Mode = Mode };
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

    /// <summary>A new batch of some of the rows.</summary>
    /// <param name="rows">In the order that they get.</param>
    public ReadingBatch Take(IReadOnlyList<int> rows)
    {
        var taken = new ReadingBatch(Metrics, rows.Count) { Count = rows.Count };
        for (var i = 0; i < rows.Count; i++)
        {
            taken._times[i] = _times[rows[i]];
            taken._sensorIds[i] = _sensorIds[rows[i]];
        }

        for (var m = 0; m < _values.Length; m++)
        {
            var (from, to) = (_values[m], taken._values[m]);
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = from[rows[i]];
            }
        }

        return taken;
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
