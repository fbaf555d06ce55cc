namespace Tidemark.Series;

/// <summary>Buckets that are being put together.</summary>
internal sealed class SeriesRows(int columns)
{
    private const int Capacity = 1024;

    private long[] _times = new long[Capacity];
    private long[] _readingCounts = new long[Capacity];
    private double[][] _values = [.. Enumerable.Range(0, columns).Select(_ => new double[Capacity])];
    private bool[][]? _filled;

    public int Count { get; private set; }

    /// <summary>Whether they are as many as a batch should have.</summary>
    public bool IsFull => Count >= Capacity;

    /// <returns>The row, whose values are to be set.</returns>
    public int Add(long time, long readingCount)
    {
        if (Count == _times.Length)
        {
            Grow(2 * Count);
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
        (_times, _readingCounts, _filled, Count) = (new long[Capacity], new long[Capacity], null, 0);
        _values = [.. _values.Select(_ => new double[Capacity])];
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
