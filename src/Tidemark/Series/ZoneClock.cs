namespace Tidemark.Series;

/// <summary>A stretch of time through which a zone's clocks stay apart from UTC by the same.</summary>
/// <param name="Range">As far as it was looked for.</param>
/// <param name="Offset">Microseconds that local clocks are ahead.</param>
internal readonly record struct ZoneStretch(TimeRange Range, long Offset)
{
    /// <summary>What a local clock shows, as if it were UTC.</summary>
    public Instant ToLocal(Instant time) => Instant.Clamp(time.Micros + Offset);

    /// <summary>When a local clock of this offset shows the time.</summary>
    public Instant ToUtc(Instant local) => Instant.Clamp(local.Micros - Offset);
}

/// <summary>How far a zone's clocks are from UTC, stretch by stretch. Not thread-safe.</summary>
internal sealed class ZoneClock(TimeZoneInfo zone)
{
    private static readonly TimeSpan Step = TimeSpan.FromDays(7);

    // No zone changed its clocks for less than a week.
    private const int Steps = 60;

    private ZoneStretch _last = new(default, 0);

    /// <summary>The stretch that holds the instant.</summary>
    public ZoneStretch At(Instant time)
    {
        if (!_last.Range.Contains(time))
        {
            _last = Find(time);
        }

        return _last;
    }

    /// <summary>The stretches that a range lies in, ascending.</summary>
    public IEnumerable<ZoneStretch> In(TimeRange range)
    {
        for (var time = range.From; time < range.To;)
        {
            var stretch = At(time);
            yield return stretch;
            if (stretch.Range.To == Instant.MaxValue)
            {
                yield break;
            }

            time = stretch.Range.To;
        }
    }

    private ZoneStretch Find(Instant time)
    {
        var offset = Offset(time);
        var (from, to) = (time, time);
        for (var i = 0; i < Steps && from > Instant.MinValue; i++)
        {
            var earlier = from - Step;
            if (Offset(earlier) != offset)
            {
                from = Change(earlier, from, offset, before: false);
                break;
            }

            from = earlier;
        }

        for (var i = 0; i < Steps && to < Instant.MaxValue; i++)
        {
            var later = to + Step;
            if (Offset(later) != offset)
            {
                to = Change(to, later, offset, before: true);
                break;
            }

            to = later;
        }

        return new ZoneStretch(new TimeRange(from, to), offset);
    }

    /// <summary>The first instant after a change of the clocks that lies between two.</summary>
    /// <param name="low">Before the change.</param>
    /// <param name="high">After it.</param>
    /// <param name="offset">On one side.</param>
    /// <param name="before">Whether that is the side before.</param>
    private Instant Change(Instant low, Instant high, long offset, bool before)
    {
        while (high.Micros - low.Micros > 1)
        {
            var middle = new Instant(low.Micros + ((high.Micros - low.Micros) / 2));
            if (Offset(middle) == offset == before)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return high;
    }

    private long Offset(Instant time) => (long)zone.GetUtcOffset(time.ToDateTime()).TotalMicroseconds;
}
