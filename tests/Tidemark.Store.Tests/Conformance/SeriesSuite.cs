using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 12: a question about several sensors over time.</summary>
public abstract partial class SeriesSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    [Fact]
    public async Task An_aggregates_buckets_are_given_as_they_are()
    {
        await WriteAsync(
            At("2026-03-08T10:00Z", 1, 5),
            At("2026-03-08T10:30Z", 4),
            At("2026-03-09T10:00Z", 7),
            At("2026-03-08T10:00Z", 9, sensor: "b"));
        await RefreshAllAsync();
        var query = Query("hourly", "2026-03-08", "2026-03-10") with { Functions = [SeriesFunction.Max, SeriesFunction.Avg] };
        var (source, series) = await AskAsync(query);
        Assert.Equal("hourly, 1 hour", source);
        Assert.Equal(["max_temperature", "avg_temperature", "max_humidity", "avg_humidity"], series[0].Columns);
        Assert.Equal(
            ["03-08 10:00 ×2 4 2.5 5 5", "03-09 10:00 ×1 7 7 NaN NaN"],
            series[0].Points.Select(p => p.ToString()));
        Assert.Equal((At("2026-03-09T11:00Z"), false, null), (series[0].Watermark, series[0].Pending, series[0].DataFrom));
    }

    [Fact]
    public async Task Buckets_that_no_aggregate_has_are_made_of_the_coarsest_that_divides_them_or_of_readings()
    {
        await WriteAsync(Steps("a", "2026-03-02T00:10Z", "2026-03-10T11:00Z", TimeSpan.FromMinutes(20), i => i % 17));
        await RefreshAllAsync();
        foreach (var (bucket, source) in new[] { ("6h", "hourly"), ("2d", "daily"), ("1w", "daily"), ("1y", "monthly"), ("5m", "raw"),
            ("90m", "raw"), ("1h", "hourly") })
        {
            var query = Query(bucket, "2026-03-01", "2026-03-10T11:00Z") with
            {
                Functions = [SeriesFunction.Avg, SeriesFunction.Min, SeriesFunction.Max, SeriesFunction.Count, SeriesFunction.Sum],
            };
            Assert.Equal(source, await CompareAsync(query));
        }

        Assert.Equal("raw", await CompareAsync(Query("6h", "2026-03-01", "2026-03-10") with { Functions = [SeriesFunction.Last] }));
        var (peak, _) = await AskAsync(Query("peak_hours", "2026-03-01", "2026-03-10"));
        Assert.Equal("peak_hours, 1 day", peak);
    }

    [Fact]
    public async Task Auto_takes_the_finest_that_keeps_within_the_points()
    {
        await WriteAsync(Steps("a", "2026-02-01", "2026-03-10T11:00Z", TimeSpan.FromMinutes(10), i => i % 17));
        await WriteAsync(Steps("b", "2026-03-09", "2026-03-10T11:00Z", TimeSpan.FromMinutes(1), i => i % 17));
        await RefreshAllAsync();
        async Task<string> Source(string from, string to, int points, string sensor = "a")
            => (await AskAsync(Query("auto", from, to) with { Points = points, Sensors = [sensor] })).Source;
        Assert.Equal("raw, raw", await Source("2026-03-09", "2026-03-10", 144));
        Assert.Equal("hourly, 1 hour", await Source("2026-03-09", "2026-03-10", 143));
        Assert.Equal("hourly, 1 hour", await Source("2026-03-03", "2026-03-10", 168));
        Assert.Equal("daily, 1 day", await Source("2026-03-03", "2026-03-10", 100));
        Assert.Equal("monthly, 1 month", await Source("2026-01-01", "2026-03-10", 10));
        Assert.Equal("daily, 2 days", await Source("2026-02-01", "2026-03-10", 30));
        Assert.Equal("raw, 2 minutes", await Source("2026-03-09T06:00Z", "2026-03-09T18:00Z", 500, "b"));
        Assert.Equal("hourly, 1 hour", await Source("2026-03-09", "2026-03-10", 144, "*"));
        Assert.Equal("monthly, 1 year", await Source("1970-01-01", "2026-03-10", 60));
        var delta = Query("auto", "2026-03-09", "2026-03-10") with { Functions = [SeriesFunction.Delta], Points = 144 };
        Assert.Equal("raw, 1 hour", (await AskAsync(delta)).Source);
    }

    [Fact]
    public async Task Readings_are_given_as_they_are()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1, 5), At("2026-03-08T10:30Z", 4), At("2026-03-09T10:00Z", null, 2));
        var (source, series) = await AskAsync(Query("raw", "2026-03-08T10:10Z", "2026-03-10"));
        Assert.Equal("raw, raw", source);
        Assert.Equal(["temperature", "humidity"], series[0].Columns);
        Assert.Equal(["03-08 10:30 4 NaN", "03-09 10:00 NaN 2"], series[0].Points.Select(p => p.ToString()));
        var (_, empty) = await AskAsync(Query("raw", "2020-01-01", "2020-01-02"));
        Assert.Equal(["temperature", "humidity"], empty[0].Columns);
        Assert.Empty(empty[0].Points);
    }

    [Fact]
    public async Task Several_sensors_are_named_by_ids_and_patterns()
    {
        await WriteAsync(new[] { "kitchen", "kitchen/fridge", "cellar", "k" }.Select(id => At("2026-03-08T10:00Z", id.Length, sensor: id)));
        async Task<string> Sensors(params string[] patterns)
            => string.Join(' ', (await AskAsync(Query("hourly", "2026-03-08", "2026-03-09") with { Sensors = patterns })).Series
                .Select(s => $"{s.SensorId}={s.Points[0].Values[0]}"));
        Assert.Equal("kitchen=7 kitchen/fridge=14", await Sensors("kitchen*"));
        Assert.Equal("cellar=6 k=1 kitchen=7 kitchen/fridge=14", await Sensors("cellar", "*"));
        Assert.Equal("", await Sensors("attic*"));
        Assert.Equal(StoreErrorKind.UnknownSensor, await FailsAsync(() => Sensors("cellar", "attic")));
        Assert.Equal(StoreErrorKind.UnknownSensor, await FailsAsync(() => Sensors("attic")));
        await WriteAsync(Enumerable.Range(0, 101).Select(i => At("2026-03-08T10:00Z", 1, sensor: $"n{i}")));
        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => Sensors("n*")));
    }

    [Fact]
    public async Task Late_data_is_pending_in_what_is_kept_and_there_in_what_is_made_of_readings()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T10:30Z", 5));
        var (_, kept) = await AskAsync(Query("6h", "2026-03-08", "2026-03-09"));
        Assert.Equal((true, "03-08 06:00 ×1 1 NaN"), (kept[0].Pending, kept[0].Points.Single().ToString()));
        var (_, raw) = await AskAsync(Query("6h", "2026-03-08", "2026-03-09") with { Functions = [SeriesFunction.Last] });
        Assert.Equal((false, "03-08 06:00 ×2 5 NaN"), (raw[0].Pending, raw[0].Points.Single().ToString()));
        await RefreshAllAsync();
        await CompareAsync(Query("6h", "2026-03-08", "2026-03-09"));
    }

    [Fact]
    public async Task What_is_wrong_is_said_before_the_first_row()
    {
        await WriteAsync(Steps("a", "2026-03-01", "2026-03-10", TimeSpan.FromHours(1), i => i));
        var query = Query("hourly", "2026-03-01", "2026-03-10");
        foreach (var wrong in new[]
        {
            query with { Metrics = ["wind"] },
            query with { Sensors = [] },
            query with { Points = 0 },
            query with { Downsampling = Downsampling.Lttb },
            Query("raw", "2026-03-01", "2026-03-10") with { Metrics = ["wind"] },
            Query("raw", "2026-03-01", "2026-03-10") with { Fill = SeriesFill.Null },
            Query("raw", "2026-03-01", "2026-03-10") with { Functions = [SeriesFunction.Delta] },
            Query("1s", "2026-01-01", "2026-03-10") with { Fill = SeriesFill.Null },
            Query("1s", "2026-02-01", "2026-03-10") with { Fill = SeriesFill.Linear },
            Query("1d", "2026-03-01", "2026-03-10") with { Functions = [SeriesFunction.Last], MostReadings = 215 },
            Query("5m", "2026-03-01", "2026-03-10") with { MostReadings = 215 },
            Query("auto", "2026-03-01", "2026-03-10") with { Functions = [SeriesFunction.Rate], MostReadings = 215 },
            Query("1s", "2026-01-01", "2026-03-10") with { Functions = [SeriesFunction.TimeWeighted] },
        })
        {
            var e = await Assert.ThrowsAsync<StoreException>(() => Store.ReadSeriesAsync(wrong, Token));
            Assert.Equal(StoreErrorKind.Invalid, e.Kind);
            Assert.DoesNotContain('\n', e.Message);
        }

        // There are 216.
        await AskAsync(Query("1d", "2026-03-01", "2026-03-10") with { Functions = [SeriesFunction.Last], MostReadings = 216 });
        await AskAsync(Query("1d", "2026-03-01", "2026-03-10") with { MostReadings = 0 });
    }

    protected SeriesQuery Query(string bucket, string from, string to)
    {
        Assert.True(SeriesBucket.TryParse(bucket, Store.Schema, out var parsed, out var error), error);
        return new SeriesQuery { Sensors = ["a"], Range = Range(from, to), Now = Instant.From(Clock.GetUtcNow()), Bucket = parsed };
    }

    /// <summary>One reading each step, of the first metric alone.</summary>
    private static IEnumerable<Reading> Steps(string sensor, string from, string to, TimeSpan step, Func<int, double> value)
        => Enumerable.Range(0, (int)((At(to) - At(from)) / step))
            .Select(i => new Reading(At(from) + (step * i), sensor, [value(i), double.NaN]));

    private async Task<(string Source, IReadOnlyList<SeriesAnswer> Series)> AskAsync(SeriesQuery query)
    {
        await using var reader = await Store.ReadSeriesAsync(query, Token);
        return ($"{reader.Source}, {reader.Bucket}", await reader.ToListAsync(Token));
    }

    /// <summary>Each sensor's answer is what the oracle says of all its readings that are stored.</summary>
    /// <param name="query">A question about buckets.</param>
    /// <param name="written">What was ever written; null for what is stored.</param>
    /// <returns>What the answer is made of.</returns>
    private async Task<string> CompareAsync(SeriesQuery query, IReadOnlyList<Reading>? written = null)
    {
        await using var reader = await Store.ReadSeriesAsync(query, Token);
        foreach (var series in await reader.ToListAsync(Token))
        {
            var stored = await RawAsync(series.SensorId);
            var readings = reader.Source == "raw" || written is null
                ? stored
                : written.Where(r => r.SensorId == series.SensorId);
            var places = series.Metrics.Select(m => Store.Schema.MetricIndex(m)).ToList();
            var expected = new SeriesOracle([.. readings.Select(r => r with { Values = [.. places.Select(p => r.Values[p])] })], query)
                .Answer(places.Count, series.DataFrom);
            if (Difference(expected, series.Points) is { } difference)
            {
                var functions = string.Join(", ", query.Functions);
                Assert.Fail($"{query}, {functions}, of {reader.Source}, data from {series.DataFrom}: {difference}");
            }
        }

        return reader.Source;
    }

    private static string? Difference(IReadOnlyList<SeriesPoint> expected, IReadOnlyList<SeriesPoint> actual)
    {
        var different = expected.Zip(actual).Where(p => p.First.Time != p.Second.Time || p.First.ReadingCount != p.Second.ReadingCount
            || p.First.Values.Zip(p.Second.Values).Any(v => !Comparison.IsClose(v.First, v.Second)));
        return different.Select(p => $"{p.First} but {p.Second}").FirstOrDefault()
            ?? (expected.Count == actual.Count ? null : $"{expected.Count} points but {actual.Count}");
    }
}
