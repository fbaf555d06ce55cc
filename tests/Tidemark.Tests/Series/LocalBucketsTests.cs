using System.Globalization;
using Tidemark.Series;

namespace Tidemark.Tests.Series;

public class LocalBucketsTests
{
    [Theory]
    // Clocks are put on at 01:00Z: a day of 23 hours; and back: one of 25.
    [InlineData("Europe/Berlin", "1 day", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z")]
    [InlineData("Europe/Berlin", "1 day", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z")]
    [InlineData("Europe/Berlin", "1 hour", "2026-10-25T00:30Z", "2026-10-25T00:00Z", "2026-10-25T01:00Z")]
    [InlineData("Europe/Berlin", "1 hour", "2026-10-25T01:30Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z")]
    [InlineData("Europe/Berlin", "6 hours", "2026-03-29T02:00Z", "2026-03-28T23:00Z", "2026-03-29T04:00Z")]
    [InlineData("Europe/Berlin", "6 hours", "2026-10-25T02:00Z", "2026-10-24T22:00Z", "2026-10-25T05:00Z")]
    [InlineData("Europe/Berlin", "1 week", "2026-03-29T12:00Z", "2026-03-22T23:00Z", "2026-03-29T22:00Z")]
    [InlineData("Europe/Berlin", "1 month", "2026-03-31T22:00Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z")]
    [InlineData("Europe/Berlin", "1 month", "2026-03-31T21:59Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z")]
    [InlineData("Europe/Berlin", "1 year", "2026-06-01T00:00Z", "2025-12-31T23:00Z", "2026-12-31T23:00Z")]
    [InlineData("Asia/Kathmandu", "1 day", "2026-03-29T12:00Z", "2026-03-28T18:15Z", "2026-03-29T18:15Z")]
    [InlineData("Asia/Kathmandu", "1 hour", "2026-03-29T12:00Z", "2026-03-29T11:15Z", "2026-03-29T12:15Z")]
    [InlineData("America/St_Johns", "1 day", "2026-11-01T12:00Z", "2026-11-01T02:30Z", "2026-11-02T03:30Z")]
    // Half an hour is repeated: the hour of 01:00 has an hour and a half.
    [InlineData("Australia/Lord_Howe", "1 day", "2026-04-05T01:00Z", "2026-04-04T13:00Z", "2026-04-05T13:30Z")]
    [InlineData("Australia/Lord_Howe", "1 hour", "2026-04-04T15:10Z", "2026-04-04T14:00Z", "2026-04-04T15:30Z")]
    // At midnight it is one o'clock.
    [InlineData("America/Havana", "1 day", "2026-03-08T12:00Z", "2026-03-08T05:00Z", "2026-03-09T04:00Z")]
    // At one o'clock it is midnight again: the day began before.
    [InlineData("America/Havana", "1 day", "2026-11-01T05:30Z", "2026-11-01T04:00Z", "2026-11-02T05:00Z")]
    // A minute after midnight it was 23:01 of the day before.
    [InlineData("America/St_Johns", "1 day", "2010-11-07T03:00Z", "2010-11-07T02:30Z", "2010-11-08T03:30Z")]
    // A whole day was left out.
    [InlineData("Pacific/Apia", "1 day", "2011-12-30T09:59Z", "2011-12-29T10:00Z", "2011-12-30T10:00Z")]
    [InlineData("Pacific/Apia", "1 day", "2011-12-30T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z")]
    public void Buckets_are_those_of_local_clocks(string zone, string width, string time, string from, string to)
        => Assert.Equal(new TimeRange(At(from), At(to)), Buckets(zone, width).At(At(time)));

    [Theory]
    [InlineData("Europe/Berlin"), InlineData("America/St_Johns"), InlineData("Asia/Kathmandu"), InlineData("Australia/Lord_Howe")]
    [InlineData("America/Havana"), InlineData("Pacific/Apia"), InlineData("Africa/Casablanca"), InlineData("UTC")]
    public void Buckets_follow_one_another_without_a_gap(string zone)
    {
        foreach (var width in new[] { "7 minutes", "1 hour", "5 hours", "6 hours", "1 day", "3 days", "1 week", "1 month", "1 year" })
        {
            var (buckets, anew) = (Buckets(zone, width), Buckets(zone, width));
            var bucket = buckets.At(Instant.Utc(2010, 10, 20));
            for (var i = 0; i < 2000 && bucket.From < Instant.Utc(2030, 1, 1); i++)
            {
                Assert.True(bucket.From < bucket.To, $"{width} {bucket}");
                Assert.Equal(bucket, anew.At(new Instant(bucket.To.Micros - 1)));
                Assert.Equal(bucket, anew.At(bucket.From));
                var next = buckets.At(bucket.To);
                Assert.Equal(bucket.To, next.From);
                bucket = next;
            }
        }
    }

    [Theory]
    [InlineData("Europe/Berlin", "1 day", "1 hour", true), InlineData("Europe/Berlin", "1 day", "1 day", false)]
    [InlineData("Europe/Berlin", "1 month", "1 hour", true), InlineData("Europe/Berlin", "1 month", "1 month", false)]
    [InlineData("Europe/London", "1 day", "1 day", false), InlineData("Africa/Abidjan", "1 month", "1 day", true)]
    [InlineData("Asia/Kathmandu", "1 day", "1 hour", false), InlineData("Asia/Kathmandu", "1 day", "15 minutes", true)]
    [InlineData("Asia/Kathmandu", "1 day", "30 minutes", false), InlineData("Asia/Kolkata", "1 week", "30 minutes", true)]
    [InlineData("Australia/Lord_Howe", "1 day", "1 hour", false), InlineData("Australia/Lord_Howe", "1 day", "30 minutes", true)]
    [InlineData("UTC", "1 day", "1 day", true), InlineData("UTC", "90 minutes", "1 hour", false)]
    [InlineData("UTC", "1 hour", "1 day", false)]
    public void Which_widths_they_are_made_of(string zone, string width, string source, bool expected)
    {
        var year = new TimeRange(At("2026-01-01T00:00Z"), At("2026-12-01T00:00Z"));
        Assert.Equal(expected, Buckets(zone, width).AreMadeOf(Width(source), year));
    }

    /// <summary>London is at UTC in winter.</summary>
    [Fact]
    public void Only_the_range_counts()
    {
        var winter = new TimeRange(At("2026-01-05T00:00Z"), At("2026-02-05T00:00Z"));
        Assert.True(Buckets("Europe/London", "1 week").AreMadeOf(Width("1 day"), winter));
    }

    [Fact]
    public void Nothing_runs_over_the_ends_of_time()
    {
        foreach (var width in new[] { "1 hour", "1 day", "1 month", "1 year" })
        {
            Assert.True(Buckets("Asia/Kathmandu", width).At(Instant.MinValue).From >= Instant.MinValue);
            Assert.True(Buckets("America/St_Johns", width).At(new Instant(Instant.MaxValue.Micros - 1)).To <= Instant.MaxValue);
        }
    }

    private static LocalBuckets Buckets(string zone, string width)
    {
        Assert.True(TimeZones.TryFind(zone, out var found));
        return new LocalBuckets(Width(width), found);
    }

    private static BucketWidth Width(string text)
    {
        Assert.True(BucketWidth.TryParse(text, out var width));
        return width;
    }

    private static Instant At(string time)
        => Instant.From(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));
}
