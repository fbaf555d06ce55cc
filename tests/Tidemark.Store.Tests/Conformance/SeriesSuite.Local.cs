using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

public abstract partial class SeriesSuite
{
    /// <summary>A reading each half hour: a day of 23 hours has 46, one of 25 has 50.</summary>
    [Theory]
    [InlineData("Europe/Berlin", "2026-03-29", "46 48", "hourly"), InlineData("Europe/Berlin", "2026-10-25", "50 48", "hourly")]
    [InlineData("America/St_Johns", "2026-03-08", "46 48", "raw"), InlineData("America/St_Johns", "2026-11-01", "50 48", "raw")]
    [InlineData("Australia/Lord_Howe", "2026-04-05", "49 48", "raw"), InlineData("Australia/Lord_Howe", "2026-10-04", "47 48", "raw")]
    [InlineData("Asia/Kathmandu", "2026-03-29", "48 48", "raw"), InlineData("America/Havana", "2026-03-08", "46 48", "hourly")]
    [InlineData("America/Havana", "2026-11-01", "50 48", "hourly"), InlineData("UTC", "2026-03-29", "48 48", "daily")]
    public async Task Days_are_those_of_local_time(string zone, string date, string counts, string source)
    {
        Clock.SetUtcNow(Instant.Utc(2026, 12, 1).ToDateTimeOffset());
        await WriteAsync(Enumerable.Range(-96, 288).Select(i => new Reading(At(date) + (TimeSpan.FromMinutes(30) * i), "a", [i % 7, 1])));
        await RefreshAllAsync();
        Assert.True(TimeZones.TryFind(zone, out var found));
        var query = Query("1d", date, date) with
        {
            Range = new TimeRange(At(date) - TimeSpan.FromHours(16), At(date) + TimeSpan.FromHours(36)),
            Zone = found,
            Functions = [SeriesFunction.Count],
            Metrics = ["humidity"],
        };
        var (asked, series) = await AskAsync(query);
        Assert.Equal($"{source}, 1 day", asked);
        var ofDates = series[0].Points.Where(p => DateOf(p) is var day && (day == date || day == Next(date))).ToList();
        Assert.Equal(counts, string.Join(' ', ofDates.Select(p => p.Values[0])));
        await CompareAsync(query with { Functions = [SeriesFunction.Avg, SeriesFunction.Max] });
        await CompareAsync(query with { Bucket = SeriesBucket.Of(BucketWidth.Fixed(TimeSpan.FromHours(1))) });
        await CompareAsync(query with { Bucket = SeriesBucket.Of(BucketWidth.Fixed(TimeSpan.FromHours(6))), Fill = SeriesFill.Null });

        // At noon it is the bucket's date wherever clocks are changed at night.
        string DateOf(SeriesPoint point)
        {
            var noon = point.Time + TimeSpan.FromHours(12);
            return (noon + found.GetUtcOffset(noon.ToDateTime())).ToString()[..10];
        }

        static string Next(string date) => (At(date) + TimeSpan.FromDays(1)).ToString()[..10];
    }

    [Fact]
    public async Task Zones_of_quarters_of_an_hour_are_made_of_quarters_of_an_hour()
    {
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create(
                [TestSchema.Temperature, TestSchema.Humidity],
                [
                    new("quarters", "15 minutes"), new("halves", "30 minutes", "quarters"), new("hourly", "1 hour", "halves"),
                    new("daily", "1 day", "hourly"),
                ]),
        });
        await WriteAsync(Steps("a", "2026-02-20", "2026-03-10T11:00Z", TimeSpan.FromMinutes(20), i => i % 17));
        await RefreshAllAsync();
        foreach (var (name, source) in new[]
        {
            ("Asia/Kathmandu", "quarters"), ("Asia/Kolkata", "halves"), ("Europe/Berlin", "hourly"), ("UTC", "daily"),
        })
        {
            Assert.True(TimeZones.TryFind(name, out var zone));
            foreach (var bucket in new[] { "1d", "1w", "1mo" })
            {
                Assert.Equal(source, await CompareAsync(Query(bucket, "2026-02-01", "2026-03-10T11:00Z") with { Zone = zone }));
            }
        }
    }

    [Fact]
    public async Task Months_and_years_are_those_of_local_time()
    {
        await WriteAsync(Steps("a", "2025-11-28", "2026-03-10T11:00Z", TimeSpan.FromHours(5), i => i % 17));
        await RefreshAllAsync();
        Assert.True(TimeZones.TryFind("Europe/Berlin", out var zone));
        foreach (var bucket in new[] { "monthly", "3mo", "1y", "1w" })
        {
            Assert.Equal("hourly", await CompareAsync(Query(bucket, "2025-10-01", "2026-03-10T11:00Z") with
            {
                Zone = zone,
                Functions = [SeriesFunction.Count, SeriesFunction.Sum, SeriesFunction.Min],
            }));
        }
    }
}
