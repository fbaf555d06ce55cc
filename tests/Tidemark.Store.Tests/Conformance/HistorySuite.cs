namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clauses 6 and 8: retention drops what is materialised, and nothing ever destroys history.</summary>
public abstract class HistorySuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private static readonly StoreSettings TwentyDays = new() { Retention = TimeSpan.FromDays(20) };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await OpenAsync(TwentyDays);
    }

    [Fact]
    public async Task Whole_chunks_past_their_retention_are_dropped()
    {
        // 2026-03-10 12:00 less 20 days is 02-18 12:00: the chunk of the 17th has ended by then, that of the 18th has not.
        await WriteAsync(
            At("2026-02-16T10:00Z", 1),
            At("2026-02-17T23:59:59.999999Z", 2),
            At("2026-02-18T00:00Z", 3),
            At("2026-03-09T10:00Z", 4));
        var result = await Store.RetainAsync(Token);
        Assert.Equal(new RetainResult(2, 2, 0, At("2026-02-18")), result);
        Assert.Equal([3, 4], (await RawAsync("a")).Select(r => r.Values[0]));
        Assert.Equal(At("2026-02-18"), await Store.ReadRawHorizonAsync(Token));
        Assert.Equal(At("2026-02-18"), (await Store.ReadStatusAsync(Token)).RawHorizon);
    }

    [Fact]
    public async Task Without_a_retention_nothing_is_dropped()
    {
        await OpenAsync(new StoreSettings());
        await WriteAsync(At("2016-02-16T10:00Z", 1), At("2026-03-09T10:00Z", 4));
        Assert.Equal(new RetainResult(0, 0, 0, null), await Store.RetainAsync(Token));
        Assert.Null(await Store.ReadRawHorizonAsync(Token));
    }

    [Fact]
    public async Task Retention_refreshes_first_and_aggregates_keep_the_history()
    {
        await WriteAsync(Readings());
        var before = await AnswersAsync();
        Assert.NotEqual(0, (await Store.RetainAsync(Token)).ChunksDropped);
        await SameAnswersAsync(before);
        Assert.Equal(before["hourly"].Rows.Sum(r => r.ReadingCount), (await Store.SensorsAsync(Token)).Sum(s => s.TotalReadings));
    }

    [Fact]
    public async Task No_refresh_of_any_range_touches_what_raw_no_longer_holds()
    {
        await WriteAsync(Readings());
        await Store.RetainAsync(Token);
        var before = await AnswersAsync();
        foreach (var aggregate in Settings.Schema.Aggregates)
        {
            await RefreshAsync(aggregate.Name);
            await RefreshAsync(aggregate.Name, TimeRange.All);
            await RefreshAsync(aggregate.Name, Range("2026-01-01", "2026-02-20"));
        }

        await SameAnswersAsync(before);
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_reading_before_the_raw_horizon_refuses_its_batch()
    {
        await WriteAsync(Readings());
        var horizon = (await Store.RetainAsync(Token)).RawHorizon!.Value;
        var before = await RawAsync();
        Assert.Equal(
            StoreErrorKind.OlderThanRetention,
            await FailsAsync(
                () => WriteAsync(At("2026-03-10T11:11Z", 1, sensor: "new"), new Reading(new Instant(horizon.Micros - 1), "a", [1, 1]))));
        Assert.Equal(before.Count, (await RawAsync()).Count);
        Assert.DoesNotContain("new", (await Store.SensorsAsync(Token)).Select(s => s.SensorId));
        Assert.Equal(1, (await WriteAsync(new Reading(horizon, "new", [1, 1]))).Written);
    }

    [Fact]
    public async Task A_late_reading_in_a_bucket_partly_behind_the_horizon_is_kept_raw_and_rewrites_nothing()
    {
        // Chunks of six hours: the horizon falls inside a day, which peak_hours builds from raw.
        await OpenAsync(TwentyDays with { ChunkInterval = TimeSpan.FromHours(6) });
        await WriteAsync(At("2026-02-18T01:00Z", 1), At("2026-02-18T07:00Z", 2), At("2026-02-18T13:00Z", 3), At("2026-03-09T10:00Z", 4));
        Assert.Equal(At("2026-02-18T12:00Z"), (await Store.RetainAsync(Token)).RawHorizon);
        await WriteAsync(At("2026-02-18T14:00Z", 50));
        await RefreshAllAsync();
        Assert.Equal(4, (await RawAsync()).Count(r => r.Time >= At("2026-02-18T12:00Z")) + 1);
        Assert.Equal([3, 1], (await AnswerAsync("peak_hours", "a")).Rows.Select(r => r.ReadingCount));
        Assert.False((await AnswerAsync("peak_hours", "a")).Pending);

        // Hours are whole behind the horizon, and the day is built from hours.
        Assert.Equal("02-18 01:00=1, 02-18 07:00=1, 02-18 13:00=1, 02-18 14:00=1, 03-09 10:00=1", await CountsAsync("hourly"));
        Assert.Equal([4, 1], (await AnswerAsync("daily", "a")).Rows.Select(r => r.ReadingCount));
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task What_is_not_materialised_yet_is_kept_and_nothing_newer_is_dropped_over_it()
    {
        // A month is built from raw, so nothing of March may go before March has ended.
        await OpenAsync(TwentyDays with
        {
            Schema = TestSchema.Create(
            [TestSchema.Temperature, TestSchema.Humidity],
            [new("hourly", "1 hour"), new("by_month", "1 month", Columns: TestSchema.PeakColumns)])
        });
        await WriteAsync(At("2026-01-31T10:00Z", 1), At("2026-02-10T10:00Z", 2), At("2026-03-02T10:00Z", 3), At("2026-03-10T10:00Z", 4));
        Clock.SetUtcNow(At("2026-03-31T23:59Z").ToDateTimeOffset());
        Assert.Equal(new RetainResult(2, 2, 0, At("2026-02-11")), await Store.RetainAsync(Token));
        Assert.Equal([3, 4], (await RawAsync("a")).Select(r => r.Values[0]));
        Clock.SetUtcNow(At("2026-04-01T00:00Z").ToDateTimeOffset());
        Assert.Equal(new RetainResult(2, 2, 0, At("2026-03-11")), await Store.RetainAsync(Token));
    }

    [Fact]
    public async Task The_horizon_stays_when_the_clock_and_the_data_move_on()
    {
        await WriteAsync(Readings());
        var horizon = (await Store.RetainAsync(Token)).RawHorizon;
        await OpenAsync(TwentyDays with { Retention = TimeSpan.FromDays(300) });
        Assert.Equal(horizon, await Store.ReadRawHorizonAsync(Token));
        Assert.Equal(new RetainResult(0, 0, 0, horizon), await Store.RetainAsync(Token));
        Assert.Equal(StoreErrorKind.OlderThanRetention, await FailsAsync(() => WriteAsync(At("2026-01-03T10:00Z", 1))));
    }

    [Fact]
    public async Task A_sensor_without_raw_readings_stays_listed_with_its_last_reading()
    {
        await WriteAsync(At("2026-01-05T10:00Z", 1, 2, "old"), At("2026-03-09T10:00Z", 4));
        await Store.RetainAsync(Token);
        Assert.Empty(await RawAsync("old"));
        Assert.Equal(new SensorInfo("old", At("2026-01-05T10:00Z"), 1), (await Store.SensorsAsync(Token))[1]);
        HasValues((await Store.CurrentAsync("old", Token)).Values, 1, 2);
        await OpenAsync();
        HasValues((await Store.CurrentAsync("old", Token)).Values, 1, 2);
        Assert.Empty(await RawAsync("old"));
    }

    [Fact]
    public async Task Buckets_of_an_aggregate_past_its_retention_are_dropped_and_coarser_ones_kept()
    {
        await OpenAsync(new StoreSettings
        {
            Retention = TimeSpan.FromDays(20),
            Schema = TestSchema.Create(
                [TestSchema.Temperature, TestSchema.Humidity],
                TestSchema.Chain(hourlyRetention: TimeSpan.FromDays(30))),
        });
        await WriteAsync(
            At("2026-01-05T10:00Z", 1),
            At("2026-02-08T11:30Z", 2),
            At("2026-02-08T12:00Z", 3),
            At("2026-02-28T10:00Z", 4),
            At("2026-03-09T10:00Z", 5));
        var result = await Store.RetainAsync(Token);
        Assert.Equal((2, 2), (result.ChunksDropped, result.BucketsDropped));
        Assert.Equal("02-08 12:00=1, 02-28 10:00=1, 03-09 10:00=1", await CountsAsync("hourly"));
        Assert.Equal("01-05 00:00=1, 02-08 00:00=2, 02-28 00:00=1, 03-09 00:00=1", await CountsAsync("daily"));
        Assert.Equal("01-01 00:00=1, 02-01 00:00=3, 03-01 00:00=1", await CountsAsync("monthly"));
        var before = await AnswersAsync();
        await RefreshAllAsync();
        await RefreshAsync("monthly", TimeRange.All);
        await SameAnswersAsync(before);
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task An_aggregate_added_after_retention_is_built_from_what_is_left()
    {
        await WriteAsync(Readings());
        await Store.RetainAsync(Token);
        var before = await AnswersAsync();
        var left = (await RawAsync()).Count;
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create(
                [TestSchema.Temperature, TestSchema.Humidity],
                [.. TestSchema.Chain(), new("quarterly", "15 minutes")]),
        });
        await RefreshAllAsync();
        await SameAnswersAsync(before);
        Assert.Equal(left, (await AnswerAsync("quarterly")).Rows.Sum(r => r.ReadingCount));
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task An_aggregate_added_after_retention_begins_with_its_first_whole_bucket()
    {
        await WriteAsync(Readings());
        // The 18th of February is a Wednesday.
        Assert.Equal(At("2026-02-18"), (await Store.RetainAsync(Token)).RawHorizon);
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create(
                [TestSchema.Temperature, TestSchema.Humidity],
                [.. TestSchema.Chain(), new("weekly", "7 days", Columns: TestSchema.PeakColumns), new("week_of_days", "7 days", "daily")]),
        });
        for (var refreshed = 0; refreshed < 2; refreshed++)
        {
            Assert.Equal(At("2026-02-23"), (await AnswerAsync("weekly")).Rows[0].Bucket);
            Assert.Equal(At("2025-12-29"), (await AnswerAsync("week_of_days")).Rows[0].Bucket);
            await RefreshAllAsync();
            await WriteAsync(At("2026-02-19T11:00Z", 1));
            await RefreshAllAsync();
        }

        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task An_aggregate_that_takes_the_place_of_all_others_after_retention_begins_with_its_first_whole_bucket()
    {
        await WriteAsync(Readings());
        Assert.Equal(At("2026-02-18"), (await Store.RetainAsync(Token)).RawHorizon);
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity], [new("weekly", "7 days")]),
        });
        Assert.Equal(At("2026-02-23"), (await AnswerAsync("weekly")).Rows[0].Bucket);
        Assert.Equal(At("2026-02-23"), await WatermarkAsync("weekly"));
        await RefreshAllAsync();
        Assert.Equal(At("2026-02-23"), (await AnswerAsync("weekly")).Rows[0].Bucket);
        await VerifyIsCleanAsync();
    }

    /// <summary>Two sensors from New Year to the clock's start.</summary>
    private static IEnumerable<Reading> Readings() => Enumerable.Range(0, 800).Select(i => new Reading(
        At("2026-01-01T00:07Z") + TimeSpan.FromMinutes(120 * i), i % 3 == 0 ? "b" : "a", [i % 37, i % 11 == 0 ? double.NaN : i % 13]));

    private async Task<Dictionary<string, Answer>> AnswersAsync()
    {
        var answers = new Dictionary<string, Answer>();
        foreach (var aggregate in Settings.Schema.Aggregates)
        {
            answers[aggregate.Name] = await AnswerAsync(aggregate.Name);
        }

        return answers;
    }

    private async Task SameAnswersAsync(Dictionary<string, Answer> before)
    {
        foreach (var (name, answer) in before)
        {
            Assert.Null(Comparison.Difference(answer, await AnswerAsync(name)));
        }
    }
}
