namespace Tidemark.DuckDb;

/// <summary>
/// Cuts a range into slices by what they turn out to hold: one that holds too much is asked for again, narrower, and one that holds little
/// makes the next one wider.
/// </summary>
/// <param name="range">What is cut, from its beginning on.</param>
/// <param name="width">Of the first slice in microseconds.</param>
internal sealed class Slices(TimeRange range, long width)
{
    private long _width = width;

    /// <summary>What isn't taken yet.</summary>
    public TimeRange Rest { get; private set; } = range;

    public TimeRange Next => Rest.To.Micros - Rest.From.Micros <= _width ? Rest : Rest with { To = new Instant(Rest.From.Micros + _width) };

    /// <summary>Goes on behind the slice.</summary>
    /// <param name="slice">From the rest's beginning on.</param>
    /// <param name="isSparse">Whether twice as much would do.</param>
    public void Take(TimeRange slice, bool isSparse)
    {
        Rest = Rest with { From = slice.To };
        if (isSparse && _width < long.MaxValue / 2)
        {
            _width *= 2;
        }
    }

    /// <summary>Lets the next slice be narrower than this one, at most half of it.</summary>
    public void Narrow(TimeRange slice, long width = long.MaxValue)
        => _width = Math.Max(1, Math.Min(width, (slice.To.Micros - slice.From.Micros) / 2));
}
