namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 4: whole microseconds in UTC, however far back, and a clock that runs ahead.</summary>
public abstract class TimeSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    [Fact]
    public async Task Microseconds_are_kept_and_told_apart()
    {
        var time = At("2026-03-10T10:00:00.123456Z");
        await WriteAsync(new Reading(time, "a", [1, 1]), new Reading(new Instant(time.Micros + 1), "a", [2, 2]));
        Assert.Equal([time.Micros, time.Micros + 1], (await RawAsync("a")).Select(r => r.Time.Micros));
        Assert.Equal(time.Micros + 1, (await Store.CurrentAsync("a", Token)).Time.Micros);
    }

    [Fact]
    public async Task Ranges_begin_and_end_at_the_microsecond()
    {
        var time = At("2026-03-10T10:00Z").Micros;
        await WriteAsync(Enumerable.Range(-1, 4).Select(i => new Reading(new Instant(time + i), "a", [i, 0])));
        Assert.Equal([0, 1], (await RawAsync("a", new TimeRange(new Instant(time), new Instant(time + 2)))).Select(r => r.Values[0]));
    }

    [Theory]
    [InlineData("1969-12-31T23:59:59.999999Z", "1969-12-31T23:00Z", "1969-12-31T00:00Z", "1969-12-01T00:00Z")]
    [InlineData("1999-12-31T23:59:59.999999Z", "1999-12-31T23:00Z", "1999-12-31T00:00Z", "1999-12-01T00:00Z")]
    [InlineData("2000-01-02T23:30Z", "2000-01-02T23:00Z", "2000-01-02T00:00Z", "2000-01-01T00:00Z")]
    [InlineData("0001-01-01T00:00Z", "0001-01-01T00:00Z", "0001-01-01T00:00Z", "0001-01-01T00:00Z")]
    [InlineData("1900-03-01T00:00Z", "1900-03-01T00:00Z", "1900-03-01T00:00Z", "1900-03-01T00:00Z")]
    public async Task Times_before_the_epoch_and_the_origin_have_their_buckets(string time, string hour, string day, string month)
    {
        await WriteAsync(At(time, 1));
        Assert.Equal(At(hour), Assert.Single((await AnswerAsync("hourly")).Rows).Bucket);
        await RefreshAllAsync();
        Assert.Equal(At(hour), Assert.Single((await AnswerAsync("hourly")).Rows).Bucket);
        Assert.Equal(At(day), Assert.Single((await AnswerAsync("peak_hours")).Rows).Bucket);
        Assert.Equal(At(day), Assert.Single((await AnswerAsync("daily")).Rows).Bucket);
        Assert.Equal(At(month), Assert.Single((await AnswerAsync("monthly")).Rows).Bucket);
        Assert.Equal(At(time), Assert.Single(await RawAsync()).Time);
    }

    [Fact]
    public async Task A_reading_from_the_allowed_future_moves_no_watermark()
    {
        await WriteAsync(At("2026-03-10T10:30Z", 1), At("2026-03-10T12:59Z", 2));
        await RefreshAllAsync();
        Assert.Equal(At("2026-03-10T11:00Z"), await WatermarkAsync("hourly"));
        Assert.Equal("03-10 10:00=1, 03-10 12:00=1", await CountsAsync("hourly"));
        Assert.Equal(At("2026-03-10T12:59Z"), (await Store.CurrentAsync("a", Token)).Time);
    }

    [Fact]
    public async Task A_bucket_closes_at_its_end_to_the_microsecond()
    {
        await WriteAsync(At("2026-03-10T12:00Z", 1));
        Clock.SetUtcNow(At("2026-03-10T12:59:59.999999Z").ToDateTimeOffset());
        await RefreshAllAsync();
        Assert.Null(await WatermarkAsync("hourly"));
        Clock.Advance(TimeSpan.FromMicroseconds(1));
        await RefreshAllAsync();
        Assert.Equal(At("2026-03-10T13:00Z"), await WatermarkAsync("hourly"));
    }
}
