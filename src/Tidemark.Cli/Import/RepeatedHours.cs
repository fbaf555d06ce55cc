namespace Tidemark.Cli.Import;

/// <summary>How the rows of a series follow each other in time.</summary>
internal enum RowOrder
{
    None,
    Ascending,
    Descending,
}

/// <summary>What has one value at a time: a sensor, or one metric of it where rows hold one value each.</summary>
internal readonly record struct Series(string? SensorId, int Metric = -1);

/// <summary>
/// Tells the two passes of an hour that a clock change repeats apart: in rows that are in order, a local time that isn't later than the
/// one before is of the second pass. Where rows are in no order the first pass is taken.
/// </summary>
internal sealed class RepeatedHours(RowOrder order)
{
    // Far more series than a change is met by; what is forgotten begins with its first pass again.
    private const int MostSeries = 1_000_000;

    private readonly Dictionary<Series, Instant> _last = [];

    /// <summary>Local times that fell into a repeated hour.</summary>
    public long Count { get; private set; }

    /// <param name="series">What the time is of.</param>
    /// <param name="first">What it means in the first pass.</param>
    /// <param name="second">The same when the hour isn't repeated.</param>
    public Instant Choose(Series series, Instant first, Instant second)
    {
        if (first == second)
        {
            if (_last.Count > 0)
            {
                _last.Remove(series);
            }

            return first;
        }

        Count++;
        if (order == RowOrder.None)
        {
            return first;
        }

        var hasLast = _last.TryGetValue(series, out var last);
        var chosen = order == RowOrder.Ascending
            ? !hasLast || first > last ? first : second
            : !hasLast || second < last ? second : first;
        if (_last.Count == MostSeries)
        {
            _last.Clear();
        }

        _last[series] = chosen;
        return chosen;
    }
}
