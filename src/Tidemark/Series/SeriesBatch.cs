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

    internal SeriesBatch(int count, long[] times, double[][] columns, long[]? readingCounts)
        => (Count, _times, _columns, _readingCounts) = (count, times, columns, readingCounts);

    public int Count { get; }

    /// <summary>Microseconds since the epoch.</summary>
    public ReadOnlySpan<long> TimesMicros => _times.AsSpan(0, Count);

    /// <summary>One of <see cref="SensorSeries.Columns"/>.</summary>
    public ReadOnlySpan<double> Column(int column) => _columns[column].AsSpan(0, Count);

    /// <summary>How many readings each bucket holds, those with nulls included; empty where points are readings.</summary>
    public ReadOnlySpan<long> ReadingCounts => _readingCounts.AsSpan(0, _readingCounts is null ? 0 : Count);

    /// <summary>Whether the bucket holds no reading: its values are made up by the question's fill, or last from before.</summary>
    public bool IsFilled(int row) => _readingCounts is not null && _readingCounts[row] == 0;
}
