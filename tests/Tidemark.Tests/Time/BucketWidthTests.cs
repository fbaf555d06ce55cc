namespace Tidemark.Tests.Time;

public class BucketWidthTests
{
    [Theory]
    [InlineData("15 minutes", "2026-03-10T10:14:59.999999Z", "2026-03-10T10:00:00Z", "2026-03-10T10:15:00Z")]
    [InlineData("15 minutes", "2026-03-10T10:15:00Z", "2026-03-10T10:15:00Z", "2026-03-10T10:30:00Z")]
    [InlineData("1 hour", "2026-03-10T10:59:59.999999Z", "2026-03-10T10:00:00Z", "2026-03-10T11:00:00Z")]
    [InlineData("5 hours", "2000-01-03T04:59:59Z", "2000-01-03T00:00:00Z", "2000-01-03T05:00:00Z")]
    [InlineData("5 hours", "2000-01-02T23:59:59Z", "2000-01-02T19:00:00Z", "2000-01-03T00:00:00Z")]
    [InlineData("1 day", "2024-02-29T12:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z")]
    [InlineData("1 day", "1969-12-31T23:59:59.999999Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z")]
    [InlineData("1 week", "2026-03-10T10:00:00Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z")]
    [InlineData("1 week", "2000-01-02T10:00:00Z", "1999-12-27T00:00:00Z", "2000-01-03T00:00:00Z")]
    [InlineData("7 days", "2026-03-15T23:59:59Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z")]
    [InlineData("1 month", "2024-02-29T23:59:59.999999Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z")]
    [InlineData("1 month", "2025-12-31T23:59:59Z", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z")]
    [InlineData("1 month", "1999-12-31T23:59:59Z", "1999-12-01T00:00:00Z", "2000-01-01T00:00:00Z")]
    [InlineData("3 months", "2026-03-31T23:00:00Z", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z")]
    [InlineData("3 months", "1999-11-05T00:00:00Z", "1999-10-01T00:00:00Z", "2000-01-01T00:00:00Z")]
    [InlineData("5 months", "1999-12-31T00:00:00Z", "1999-08-01T00:00:00Z", "2000-01-01T00:00:00Z")]
    [InlineData("1 year", "2024-12-31T23:59:59Z", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")]
    [InlineData("1 year", "1968-02-29T00:00:00Z", "1968-01-01T00:00:00Z", "1969-01-01T00:00:00Z")]
    [InlineData("10 years", "1999-12-31T00:00:00Z", "1990-01-01T00:00:00Z", "2000-01-01T00:00:00Z")]
    [InlineData("5000 years", "1926-11-28T00:00:00Z", "0001-01-01T00:00:00Z", "2000-01-01T00:00:00Z")]
    [InlineData("10000 days", "0001-02-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-05-02T00:00:00Z")]
    public void An_instant_lies_in_the_bucket_that_its_width_counts_from_the_origin(string width, string instant, string start, string end)
    {
        var bucket = Parse(width);
        Assert.Equal(At(start), bucket.Floor(At(instant)));
        Assert.Equal(At(end), bucket.End(At(start)));
        Assert.Equal(At(start), bucket.Floor(At(start)));
        Assert.Equal(At(start), bucket.Ceiling(At(start)));
        Assert.Equal(At(end), bucket.Floor(At(end)));
        Assert.Equal(At(instant) == At(start) ? At(start) : At(end), bucket.Ceiling(At(instant)));
    }

    [Fact]
    public void Buckets_follow_one_another_without_a_gap()
    {
        foreach (var width in new[] { "7 minutes", "11 hours", "1 week", "1 month", "5 months", "2 years" }.Select(Parse))
        {
            var start = width.Floor(Instant.Utc(1996, 2, 29));
            for (var i = 0; i < 200; i++)
            {
                var end = width.End(start);
                Assert.True(end > start);
                Assert.Equal(start, width.Floor(new Instant(end.Micros - 1)));
                Assert.Equal(end, width.Floor(end));
                start = end;
            }
        }
    }

    [Fact]
    public void Nothing_runs_over_the_ends_of_time()
    {
        foreach (var width in new[] { "15 minutes", "1 day", "1 week", "1 month", "7 years" }.Select(Parse))
        {
            Assert.True(width.Floor(Instant.MinValue) >= Instant.MinValue);
            Assert.True(width.End(width.Floor(Instant.MaxValue)) <= Instant.MaxValue);
            Assert.True(width.Ceiling(Instant.MaxValue) <= Instant.MaxValue);
        }
    }

    [Theory]
    [InlineData(null),
        InlineData(""),
        InlineData("1"),
        InlineData("hour"),
        InlineData("0 hours"),
        InlineData("-1 hour"),
        InlineData("1.5 hours"),
        InlineData("1 hour 2 minutes")]
    [InlineData("1 second"), InlineData("1 fortnight"), InlineData("1h"), InlineData("10001 days"), InlineData("99999999999 days")]
    public void A_malformed_width_is_refused(string? text) => Assert.False(BucketWidth.TryParse(text, out _));

    [Theory]
    [InlineData("60 minutes", "1 hour"), InlineData("24 hours", "1 day"), InlineData("1 week", "7 days"), InlineData("12 months", "1 year")]
    public void Two_names_of_one_width_are_equal(string one, string other)
    {
        Assert.Equal(Parse(one), Parse(other));
        Assert.Equal(other, Parse(one).ToString());
    }

    [Theory]
    [InlineData("1 hour", "1 day", true),
        InlineData("1 day", "1 month", true),
        InlineData("1 month", "1 year", true),
        InlineData("15 minutes", "1 hour", true),
        InlineData("8 hours", "1 month", true)]
    [InlineData("1 hour", "1 hour", false),
        InlineData("1 day", "1 hour", false),
        InlineData("7 hours", "1 day", false),
        InlineData("1 week", "1 month", false),
        InlineData("7 hours", "1 month", false)]
    [InlineData("1 month", "30 days", false), InlineData("2 months", "3 months", false), InlineData("1 year", "1 month", false)]
    public void A_width_divides_what_is_made_of_several_whole_buckets_of_it(string finer, string coarser, bool divides)
        => Assert.Equal(divides, Parse(finer).Divides(Parse(coarser)));

    private static BucketWidth Parse(string text)
    {
        Assert.True(BucketWidth.TryParse(text, out var width));
        return width;
    }

    private static Instant At(string text)
    {
        Assert.True(Instant.TryParse(text, out var instant));
        return instant;
    }
}
