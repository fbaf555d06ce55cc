namespace Tidemark.Series;

/// <summary>
/// Buckets of a zone's local time, which follow one another without a gap. One of a day or more begins at the first instant at which
/// local clocks show its date; a shorter one whenever they show a multiple of the width, or leap over it: a day of 25 hours has 25. Widths
/// count from the same origins as an aggregate's, by local clocks. In UTC the buckets are those of <see cref="BucketWidth"/>.
/// Not thread-safe.
/// </summary>
public sealed class LocalBuckets(BucketWidth width, TimeZoneInfo zone)
{
    private const long MicrosPerDay = 86_400_000_000;

    // No clock is farther from UTC.
    private static readonly TimeSpan Farthest = TimeSpan.FromHours(18);

    private readonly ZoneClock _clock = new(zone);
    private readonly bool _isUtc = zone.HasSameRules(TimeZoneInfo.Utc) && zone.BaseUtcOffset == TimeSpan.Zero;
    private TimeRange _last = new(Instant.MaxValue, Instant.MinValue);

    private bool IsShort => width.Months == 0 && width.Micros < MicrosPerDay;

    /// <summary>The bucket that holds the instant.</summary>
    public TimeRange At(Instant time)
    {
        if (!_last.Contains(time))
        {
            _last = _isUtc ? new TimeRange(width.Floor(time), width.End(time))
                : IsShort ? new TimeRange(ShortFrom(time), ShortTo(time))
                : Long(time);
        }

        return _last;
    }

    /// <summary>The first bucket start at or after the instant.</summary>
    public Instant Ceiling(Instant time) => At(time) is var bucket && bucket.From == time ? time : bucket.To;

    /// <summary>Whether every bucket of the range is made of whole buckets of a UTC width, one or more.</summary>
    public bool AreMadeOf(BucketWidth source, TimeRange range)
    {
        var stretches = _isUtc ? [] : _clock.In(Widen(range)).ToList();
        if (stretches.TrueForAll(s => s.Offset == 0))
        {
            return source == width || source.Divides(width);
        }

        bool IsWhole(long micros) => micros % source.Micros == 0;
        return source.Months == 0 && IsWhole(width.Months > 0 ? MicrosPerDay : width.Micros)
            && stretches.TrueForAll(s => IsWhole(s.Offset))
            && stretches.Zip(stretches.Skip(1)).All(s => s.First.Offset == s.Second.Offset
                || source.Floor(s.Second.Range.From) == s.Second.Range.From);
    }

    private TimeRange Widen(TimeRange range) => new(range.From - width.Approximate - Farthest, range.To + width.Approximate + Farthest);

    private Instant ShortFrom(Instant time)
    {
        var stretch = _clock.At(time);
        var local = width.Floor(stretch.ToLocal(time));
        var start = stretch.ToUtc(local);
        var change = stretch.Range.From;
        if (start >= change || change == Instant.MinValue)
        {
            return start;
        }

        var before = new Instant(change.Micros - 1);
        return _clock.At(before).ToLocal(change) <= local ? change : ShortFrom(before);
    }

    private Instant ShortTo(Instant time)
    {
        while (true)
        {
            var stretch = _clock.At(time);
            var end = stretch.ToUtc(width.End(stretch.ToLocal(time)));
            var change = stretch.Range.To;
            if (end < change || change == Instant.MaxValue)
            {
                return end;
            }

            var local = _clock.At(change).ToLocal(change);
            if (stretch.ToLocal(change) < local ? width.Floor(local) >= stretch.ToLocal(end) : width.Floor(local) == local)
            {
                return change;
            }

            time = change;
        }
    }

    private TimeRange Long(Instant time)
    {
        var local = width.Floor(_clock.At(time).ToLocal(time));
        while (true)
        {
            var (from, next) = (First(local), width.End(local));
            var to = First(next);
            if (time < to || to == Instant.MaxValue || next == local)
            {
                return new TimeRange(from, to);
            }

            // Clocks were put back over the beginning of the next.
            local = next;
        }
    }

    /// <summary>The first instant at which local clocks show the time or a later one.</summary>
    private Instant First(Instant local)
    {
        foreach (var stretch in _clock.In(new TimeRange(local - Farthest, local + Farthest)))
        {
            var time = Instant.Max(stretch.ToUtc(local), stretch.Range.From);
            if (time < stretch.Range.To)
            {
                return time;
            }
        }

        return Instant.MaxValue;
    }
}
