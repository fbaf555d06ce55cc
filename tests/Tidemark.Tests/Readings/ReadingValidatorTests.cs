using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;

namespace Tidemark.Tests.Readings;

public class ReadingValidatorTests
{
    private static readonly Instant Now = Instant.Utc(2026, 3, 10, 12);
    private static readonly Instant Horizon = Instant.Utc(2026, 1, 1);

    private readonly FakeTimeProvider _clock = new(Now.ToDateTimeOffset());

    [Fact]
    public void A_reading_within_the_rules_passes_nulls_included()
        => Assert.Null(Validator().Check("a", Now, [double.NaN, 100, double.NaN]));

    [Fact]
    public void Skew_is_measured_against_the_clock_to_the_microsecond()
    {
        var validator = Validator();
        var latest = Now + TimeSpan.FromHours(1);
        Assert.Null(validator.Check("a", latest, [1, 1, 1]));
        Assert.Equal(
            "time 2026-03-10T13:00:00.000001Z is more than 3600 s ahead of the server's clock",
            validator.Check("a", new Instant(latest.Micros + 1), [1, 1, 1]));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(validator.Check("a", new Instant(latest.Micros + 1), [1, 1, 1]));
    }

    [Fact]
    public void What_lies_before_the_raw_horizon_is_refused()
    {
        Assert.Null(Validator().Check("a", Horizon, [1, 1, 1]));
        Assert.Equal(
            "time 2025-12-31T23:59:59.999999Z is older than retention, which reaches back to 2026-01-01T00:00:00Z",
            Validator().Check("a", new Instant(Horizon.Micros - 1), [1, 1, 1]));
    }

    [Fact]
    public void Without_a_horizon_the_past_reaches_to_the_oldest_time()
    {
        var oldest = Instant.Utc(1900, 1, 1);
        var validator = new ReadingValidator(Schema().MetricNames, Schema(), TimeSpan.FromHours(1), _clock, oldest, null);
        Assert.Null(validator.Check("a", oldest, [1, 1, 1]));
        Assert.Equal(
            "time 1899-12-31T23:59:59.999999Z is before 1900-01-01T00:00:00Z, the setting oldest_time: check the clock, or set it earlier",
            validator.Check("a", new Instant(oldest.Micros - 1), [1, 1, 1]));
        Assert.Equal(
            "time 0001-01-01T00:00:00Z is before 1900-01-01T00:00:00Z, the setting oldest_time: it looks like a time that was never set",
            validator.Check("a", Instant.MinValue, [1, 1, 1]));
    }

    [Theory]
    [InlineData(double.PositiveInfinity), InlineData(double.NegativeInfinity)]
    public void Infinities_are_refused(double value) => Assert.Equal("temperature is infinite", Validator().Check("a", Now, [value, 1, 1]));

    [Theory]
    [InlineData(-0.5, "humidity -0.5 is outside 0 to 100"),
        InlineData(100.25, "humidity 100.25 is outside 0 to 100"),
        InlineData(0, null),
        InlineData(100, null)]
    public void A_value_outside_its_range_is_refused(double value, string? error)
        => Assert.Equal(error, Validator().Check("a", Now, [1, value, 1]));

    [Fact]
    public void An_invalid_id_is_refused_each_time_it_comes()
    {
        var (validator, id) = (Validator(), new string('x', 51));
        Assert.Null(validator.Check("a", Now, [1, 1, 1]));
        Assert.Equal("sensor_id is longer than 50 characters", validator.Check(id, Now, [1, 1, 1]));
        Assert.Equal("sensor_id is longer than 50 characters", validator.Check(id, Now, [1, 1, 1]));
        Assert.Equal("sensor_id is missing or empty", validator.Check(null, Now, [1, 1, 1]));
        Assert.Null(validator.Check("a", Now, [1, 1, 1]));
    }

    [Fact]
    public void A_null_id_at_first_is_refused() => Assert.Equal("sensor_id is missing or empty", Validator().Check(null, Now, [1, 1, 1]));

    private ReadingValidator Validator()
        => new(Schema().MetricNames, Schema(), TimeSpan.FromHours(1), _clock, Instant.Utc(1900, 1, 1), Horizon);

    private static TelemetrySchema Schema()
    {
        Metric[] metrics = [DefaultSchema.Metrics[0], DefaultSchema.Metrics[1] with { Minimum = 0, Maximum = 100 }, DefaultSchema.Metrics[
            2]];
        return new TelemetrySchema(
            metrics,
            [new AggregateDefinition("hourly", "h", "bucket", BucketWidth.Fixed(TimeSpan.FromHours(1)), null, [], null)]);
    }
}
