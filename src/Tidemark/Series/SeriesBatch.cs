namespace Tidemark.Series;

/// <summary>
/// Points of one sensor in columns, ascending by time: readings, or buckets by their start. NaN stands for null. It may share the buffers
/// of what a store gave, and changes no more.
/// </summary>
public sealed class SeriesBatch
{
    private readonly long[] _times;
    private readonly double[][] _columns;
    private readonly long[]? _readingCounts;
    private readonly bool[][]? _filled;

    /// <param name="count">Of the rows that each array has at least.</param>
    /// <param name="times">See <see cref="TimesMicros"/>.</param>
    /// <param name="columns">Their values.</param>
    /// <param name="readingCounts">See <see cref="ReadingCounts"/>.</param>
    /// <param name="filled">Which values a fill gave; null when none.</param>
    internal SeriesBatch(int count, long[] times, double[][] columns, long[]? readingCounts, bool[][]? filled)
        => (Count, _times, _columns, _readingCounts, _filled) = (count, times, columns, readingCounts, filled);

    public int Count { get; }

    /// <summary>Microseconds since the epoch.</summary>
    public ReadOnlySpan<long> TimesMicros => _times.AsSpan(0, Count);

    /// <summary>One of <see cref="SensorSeries.Columns"/>.</summary>
    public ReadOnlySpan<double> Column(int column) => _columns[column].AsSpan(0, Count);

    /// <summary>How many readings each bucket holds, those with nulls included; empty where points are readings.</summary>
    public ReadOnlySpan<long> ReadingCounts => _readingCounts.AsSpan(0, _readingCounts is null ? 0 : Count);

    /// <summary>Whether the bucket holds no reading, or any of its values is from the question's fill.</summary>
    public bool IsFilled(int row)
        => (_readingCounts is not null && _readingCounts[row] == 0) || (_filled is not null && Array.Exists(_filled, c => c[row]));

    /// <summary>Whether the value is from the question's fill.</summary>
    public bool IsFilled(int row, int column) => _filled is not null && _filled[column][row];
}
