namespace Tidemark.Tests.Time;

public class PeriodTests
{
    [Theory]
    [InlineData("0d"),
        InlineData("-1d"),
        InlineData("1x"),
        InlineData("1.5h"),
        InlineData(""),
        InlineData("d"),
        InlineData("1"),
        InlineData(" 1d"),
        InlineData("1D")]
    public void A_malformed_period_is_refused_with_its_form(string text)
    {
        Assert.False(Period.TryParse(text, out _, out var error));
        Assert.Equal($"period '{text}' is not {Period.Form}", error);
    }

    [Fact]
    public void A_period_over_a_hundred_years_is_refused()
    {
        Assert.False(Period.TryParse("99999y", out _, out var error));
        Assert.Equal("period '99999y' is longer than 100y", error);
    }

    [Theory]
    [InlineData("1m", "2026-03-31T10:00:00Z", "2026-02-28T10:00:00.000001Z")]
    [InlineData("1m", "2024-03-31T10:00:00Z", "2024-02-29T10:00:00.000001Z")]
    [InlineData("1y", "2024-02-29T00:00:00Z", "2023-02-28T00:00:00.000001Z")]
    [InlineData("1w", "2026-01-03T00:00:00Z", "2025-12-27T00:00:00.000001Z")]
    [InlineData("12h", "2026-01-03T00:00:00Z", "2026-01-02T12:00:00.000001Z")]
    public void It_begins_just_after_now_minus_the_period_and_has_no_end(string text, string now, string from)
    {
        Assert.True(Instant.TryParse(now, out var instant));
        var range = Period.Parse(text).Until(instant);
        Assert.Equal(from, range.From.ToString());
        Assert.Equal(Instant.MaxValue, range.To);
    }
}
