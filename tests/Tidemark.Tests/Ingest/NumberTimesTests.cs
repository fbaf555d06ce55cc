using Microsoft.Extensions.Time.Testing;
using Tidemark.Ingest;

namespace Tidemark.Tests.Ingest;

public class NumberTimesTests
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 27, 0, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData(1527863043000, null)]
    [InlineData(1527863043, "time 1527863043 looks like seconds, not milliseconds: say so with time_unit=s")]
    [InlineData(1527863043000000, "time 1527863043000000 looks like microseconds, not milliseconds: say so with time_unit=us")]
    [InlineData(1527863043000000000, "time 1527863043000000000 looks like nanoseconds, not milliseconds: say so with time_unit=ns")]
    [InlineData(1527863043.25, "time 1527863043.25 looks like seconds, not milliseconds: say so with time_unit=s")]
    [InlineData(202004050650, "time 202004050650 as milliseconds is 1976-05-27T00:14:10.650000Z, not between 1990 and now: send RFC 3339, "
        + "or say the unit with time_unit=ms")]
    [InlineData(
        0,
        "time 0 as milliseconds is 1970-01-01T00:00:00Z, not between 1990 and now: send RFC 3339, or say the unit with time_unit=ms")]
    [InlineData(1.5, "time 1.5 is not a whole number of epoch milliseconds between the years 1 and 9999")]
    public void A_number_whose_unit_nobody_says_must_give_a_likely_time(double number, string? error)
    {
        var text = ((decimal)number).ToString(System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(error, Times(null).Read((decimal)number, text, out _));
    }

    [Theory]
    [InlineData("s", "0", "1970-01-01T00:00:00Z")]
    [InlineData("s", "1527863043.1234567", "2018-06-01T14:24:03.123456Z")]
    [InlineData("s", "-0.0000001", "1969-12-31T23:59:59.999999Z")]
    [InlineData("ms", "1527863043", "1970-01-18T16:24:23.043000Z")]
    [InlineData("us", "1527863043000001", "2018-06-01T14:24:03.000001Z")]
    [InlineData("ns", "1527863043000001999", "2018-06-01T14:24:03.000001Z")]
    public void With_a_unit_any_time_is_taken(string unit, string number, string expected)
    {
        Assert.Null(Times(unit).Read(decimal.Parse(number, System.Globalization.CultureInfo.InvariantCulture), number, out var time));
        Assert.Equal(expected, time.ToString());
    }

    [Fact]
    public void With_a_unit_what_is_no_time_is_refused()
    {
        Assert.Equal("time 1 is not a number of epoch seconds between the years 1 and 9999", Times("s").Read(decimal.MaxValue, "1", out _));
        Assert.Equal(
            "time 1.5 is not a whole number of epoch nanoseconds between the years 1 and 9999",
            Times("ns").Read(1.5m, "1.5", out _));
    }

    private NumberTimes Times(string? unit) => new(TimeUnit.Find(unit), TimeSpan.FromHours(1), _clock, "time_unit=");
}
