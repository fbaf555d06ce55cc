namespace Tidemark.Tests.Time;

public class TimeRangeTests
{
    private static readonly Instant One = Instant.Utc(2026, 3, 1);
    private static readonly Instant Two = Instant.Utc(2026, 3, 2);
    private static readonly Instant Three = Instant.Utc(2026, 3, 3);

    [Fact]
    public void It_holds_its_beginning_and_not_its_end()
    {
        var range = new TimeRange(One, Two);
        Assert.True(range.Contains(One) && range.Contains(new Instant(Two.Micros - 1)));
        Assert.False(range.Contains(Two) || range.Contains(new Instant(One.Micros - 1)));
    }

    [Fact]
    public void Neighbours_do_not_overlap()
    {
        Assert.False(new TimeRange(One, Two).Overlaps(new TimeRange(Two, Three)));
        Assert.True(new TimeRange(One, Three).Overlaps(new TimeRange(Two, Three)));
        Assert.True(new TimeRange(One, Two).Intersect(new TimeRange(Two, Three)).IsEmpty);
        Assert.Equal(new TimeRange(Two, Three), new TimeRange(One, Three).Intersect(new TimeRange(Two, Instant.MaxValue)));
    }

    [Fact]
    public void A_range_that_ends_where_it_begins_is_empty()
    {
        Assert.True(new TimeRange(One, One).IsEmpty);
        Assert.True(new TimeRange(Two, One).IsEmpty);
        Assert.False(TimeRange.All.IsEmpty);
    }

    [Fact]
    public void Widening_takes_whole_buckets_and_leaves_whole_ones_alone()
    {
        Assert.True(BucketWidth.TryParse("1 month", out var month));
        var march = new TimeRange(One, Instant.Utc(2026, 4, 1));
        Assert.Equal(march, march.Widen(month));
        Assert.Equal(march, new TimeRange(Two, Three).Widen(month));
        Assert.Equal(
            march with { From = Instant.Utc(2026, 2, 1) },
            new TimeRange(new Instant(One.Micros - 1), new Instant(One.Micros + 1)).Widen(month));
        Assert.Equal(TimeRange.All, TimeRange.All.Widen(month));
    }
}
