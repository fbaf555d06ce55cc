namespace Tidemark.Series;

/// <summary>Buckets that are being put together.</summary>
internal sealed class SeriesRows(int columns)
{
    // A batch of many columns has fewer rows.
    private readonly int _capacity = Math.Clamp(131_072 / Math.Max(1, columns), 16, 1024);
    private long[] _times = [];
    private long[] _readingCounts = [];
    private double[][] _values = [.. Enumerable.Repeat(Array.Empty<double>(), columns)];
    private bool[][]? _filled;

    public int Count { get; private set; }

    /// <summary>Whether they are as many as a batch should have.</summary>
    public bool IsFull => Count >= _capacity;

    /// <returns>The row, whose values are to be set.</returns>
    public int Add(long time, long readingCount)
    {
        if (Count == _times.Length)
        {
            Grow(Math.Max(16, 2 * Count));
        }

        (_times[Count], _readingCounts[Count]) = (time, readingCount);
        return Count++;
    }

    public long Time(int row) => _times[row];

    public double Value(int row, int column) => _values[column][row];

    public void Set(int row, int column, double value) => _values[column][row] = value;

    /// <summary>Sets a value that no reading gave.</summary>
    public void Fill(int row, int column, double value)
    {
        _filled ??= [.. _values.Select(v => new bool[v.Length])];
        _filled[column][row] = true;
        Set(row, column, value);
    }

    /// <summary>Gives them away and begins anew.</summary>
    public SeriesBatch Take()
    {
        var batch = new SeriesBatch(Count, _times, _values, _readingCounts, _filled);
        (_times, _readingCounts, _filled, Count) = ([], [], null, 0);
        _values = [.. Enumerable.Repeat(Array.Empty<double>(), columns)];
        return batch;
    }

    private void Grow(int capacity)
    {
        Array.Resize(ref _times, capacity);
        Array.Resize(ref _readingCounts, capacity);
        foreach (ref var values in _values.AsSpan())
        {
            Array.Resize(ref values, capacity);
        }

        foreach (ref var filled in _filled.AsSpan())
        {
            Array.Resize(ref filled, capacity);
        }
    }
}
