using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

public abstract partial class SeriesSuite
{
    [Theory]
    [InlineData(Downsampling.Lttb), InlineData(Downsampling.MinMax)]
    public async Task Downsampling_leaves_as_many_readings_as_points_and_every_spike(Downsampling kind)
    {
        var random = new Random(5);
        double Temperature(int i) => i is 1234 ? 50 : i is 2345 ? -50 : Math.Sin(i / 300.0) + random.NextDouble();
        double Humidity(int i) => i is 999 ? 9 : i % 11 == 0 ? double.NaN : i % 3;
        var readings = Steps("a", "2026-03-09", "2026-03-10T11:00Z", TimeSpan.FromSeconds(30), Temperature)
            .Select((r, i) => r with { Values = [r.Values[0], Humidity(i)] }).ToList();
        await WriteAsync(readings);
        foreach (var bucket in new[] { "raw", "auto" })
        {
            var query = Query(bucket, "2026-03-08", "2026-03-10T12:00Z") with { Downsampling = kind, Points = 200 };
            var (source, series) = await AskAsync(query);
            Assert.Equal("raw, raw", source);
            var points = series[0].Points;
            Assert.InRange(points.Count, 100, 200);
            Assert.Equal((readings[0].Time, readings[^1].Time), (points[0].Time, points[^1].Time));
            Assert.Equal(points.Select(p => p.Time).Order().Distinct(), points.Select(p => p.Time));
            var known = readings.ToDictionary(r => r.Time);
            Assert.All(points, p => Assert.Equal(known[p.Time].Values, p.Values));
            Assert.All(new[] { 1234, 2345, 999 }, i => Assert.Contains(points, p => p.Time == readings[i].Time));

            // Nothing is left out of few.
            Assert.Equal(readings.Count, (await AskAsync(query with { Points = readings.Count })).Series[0].Points.Count);
        }
    }

    [Fact]
    public async Task Retention_in_the_middle_is_told_and_what_is_coarser_takes_over()
    {
        await OpenAsync(Settings with
        {
            Retention = TimeSpan.FromDays(3),
            Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity], TestSchema.Chain(TimeSpan.FromDays(10))),
        });
        var written = Steps("a", "2026-02-10T00:10Z", "2026-03-10T11:00Z", TimeSpan.FromMinutes(30), i => i % 17).ToList();
        await WriteAsync(written);
        await RefreshAllAsync();
        await Store.RetainAsync(Token);
        var horizon = await Store.ReadRawHorizonAsync(Token);
        Assert.NotNull(horizon);

        async Task<(string Source, Instant? DataFrom)> Ask(string bucket, string from, SeriesFunction function = SeriesFunction.Avg)
        {
            var query = Query(bucket, from, "2026-03-10T11:00Z") with { Functions = [function], Points = 2000 };
            if (!query.Bucket.IsAuto && !query.Bucket.IsRaw)
            {
                await CompareAsync(query, written);
            }

            var (source, series) = await AskAsync(query);
            return (source, series[0].DataFrom);
        }

        Assert.Equal(("raw, raw", null), await Ask("auto", "2026-03-09"));
        Assert.Equal(("hourly, 1 hour", null), await Ask("auto", "2026-03-03"));
        Assert.Equal(("daily, 1 day", null), await Ask("auto", "2026-02-12"));
        Assert.Equal(("raw, raw", horizon), await Ask("raw", "2026-02-12"));
        Assert.Equal(("daily, 7 days", null), await Ask("1w", "2026-02-12"));
        Assert.Equal("hourly, 6 hours", (await Ask("6h", "2026-02-12")).Source);
        Assert.NotNull((await Ask("6h", "2026-02-12")).DataFrom);

        // The bucket that the horizon lies in is left out.
        Assert.Equal("hourly, 5 hours", (await Ask("5h", "2026-02-12")).Source);
        Assert.Equal("raw, 7 minutes", (await Ask("7m", "2026-03-01", SeriesFunction.Last)).Source);
        Assert.Equal("raw, 5 hours", (await Ask("5h", "2026-03-01", SeriesFunction.TimeWeighted)).Source);
        Assert.Equal(("raw, 6 hours", null), await Ask("6h", "2026-03-09", SeriesFunction.Last));
        Assert.Equal(("raw, 1 day", horizon), await Ask("1d", "2026-03-01", SeriesFunction.Delta));
    }
}
