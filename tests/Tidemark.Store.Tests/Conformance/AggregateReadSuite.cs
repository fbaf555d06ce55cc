namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 7: materialised buckets, the live tail, pending and the watermark.</summary>
public abstract class AggregateReadSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    [Fact]
    public async Task Without_a_refresh_every_level_is_computed_from_raw()
    {
        await WriteAsync(At("2026-02-27T10:00Z", 1), At("2026-02-28T10:00Z", 2), At("2026-03-10T11:59Z", 4));
        Assert.Equal("02-27 10:00=1, 02-28 10:00=1, 03-10 11:00=1", await CountsAsync("hourly"));
        Assert.Equal("02-27 00:00=1, 02-28 00:00=1, 03-10 00:00=1", await CountsAsync("daily"));
        Assert.Equal("02-01 00:00=2, 03-01 00:00=1", await CountsAsync("monthly"));
        Assert.Equal((null, false), ((await AnswerAsync("monthly")).Watermark, (await AnswerAsync("monthly")).Pending));
    }

    [Fact]
    public async Task The_tail_recurses_through_every_source()
    {
        await WriteAsync(At("2026-02-27T10:00Z", 1), At("2026-03-01T10:00Z", 2));
        await RefreshAsync("monthly");
        await WriteAsync(At("2026-03-09T10:00Z", 3), At("2026-03-10T00:30Z", 4));
        await RefreshAsync("hourly");
        await WriteAsync(At("2026-03-10T11:30Z", 5));
        Assert.Equal(3 + 1, (await AnswerAsync("monthly", range: Range("2026-03-01", "2026-04-01"))).Rows.Single().ReadingCount);
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task Averages_weigh_readings_and_not_buckets()
    {
        await WriteAsync(At("2026-02-01T10:00Z", 1), At("2026-02-01T10:20Z", 1), At("2026-02-01T10:40Z", 1), At("2026-02-01T11:00Z", 9));
        Assert.Equal(3, (await AnswerAsync("daily")).Rows.Single().Values[0]);
        await WriteAsync(At("2026-03-05T11:00Z", 9));
        await RefreshAllAsync();
        Assert.Equal(3, (await AnswerAsync("daily")).Rows[0].Values[0]);
        Assert.Equal(3, (await AnswerAsync("monthly")).Rows[0].Values[0]);
    }

    [Fact]
    public async Task Nulls_count_as_readings_and_in_no_average()
    {
        await WriteAsync(
            At("2026-03-08T10:00Z", null),
            At("2026-03-08T10:20Z", 4, null),
            At("2026-03-08T11:20Z", null, null),
            At("2026-03-09T10:00Z", 1, 1));
        for (var round = 0; round < 2; round++)
        {
            var day = (await AnswerAsync("daily")).Rows[0];
            Assert.Equal(3, day.ReadingCount);
            Assert.Equal([4, 4, 4, double.NaN, double.NaN, double.NaN], day.Values);
            var empty = (await AnswerAsync("hourly")).Rows[1];
            Assert.Equal(1, empty.ReadingCount);
            Assert.All(empty.Values, v => Assert.Equal(double.NaN, v));
            await RefreshAllAsync();
        }
    }

    [Fact]
    public async Task Extra_columns_are_computed_live_and_materialised_alike()
    {
        await WriteAsync(
            At("2026-03-08T04:00Z", 10),
            At("2026-03-08T14:00Z", 25.5),
            At("2026-03-08T15:00Z", null, 3),
            At("2026-03-09T00:00Z", null, 1));
        var live = (await AnswerAsync("peak_hours", "a")).Rows;
        Assert.Equal([25.5, 10, 15.5], live[0].Values[^3..]);
        Assert.Equal([double.NaN, double.NaN, double.NaN], live[1].Values[^3..]);
        await RefreshAsync("peak_hours");
        Assert.Equal(At("2026-03-10"), await WatermarkAsync("peak_hours"));
        await AggregatesEqualRawAsync();
        await WriteAsync(At("2026-03-08T16:00Z", 30));
        Assert.True((await AnswerAsync("peak_hours")).Pending);
        await RefreshAsync("peak_hours");
        HasValues((await AnswerAsync("peak_hours", "a")).Rows[0].Values[^3..], 30, 10, 20);
        Assert.Equal(3 + 1, (await AnswerAsync("peak_hours", "a")).Rows[0].ReadingCount);
    }

    [Fact]
    public async Task Buckets_are_selected_by_their_start()
    {
        await WriteAsync(At("2026-03-10T08:30Z", 1), At("2026-03-10T09:30Z", 2), At("2026-03-10T11:30Z", 3));
        foreach (var sensor in new[] { "a", null })
        {
            Assert.Equal("03-10 09:00=1", await CountsAsync("hourly", sensor, Range("2026-03-10T08:00:00.000001Z", "2026-03-10T11:00Z")));
            Assert.Equal("03-10 08:00=1", await CountsAsync("hourly", sensor, Range("2026-03-10T08:00Z", "2026-03-10T09:00Z")));
            Assert.Equal("03-10 11:00=1", await CountsAsync("hourly", sensor, new TimeRange(At("2026-03-10T09:30Z"), Instant.MaxValue)));
            Assert.Equal("", await CountsAsync("hourly", sensor, Range("2026-03-10T09:00Z", "2026-03-10T09:00Z")));
            await RefreshAllAsync();
        }
    }

    [Fact]
    public async Task One_sensors_rows_ascend_across_the_watermark()
    {
        await WriteAsync(Enumerable.Range(0, 500)
            .Select(i => new Reading(At("2026-02-25T00:10Z") + TimeSpan.FromMinutes(37 * i), i % 3 == 0 ? "b" : "a", [i, i])));
        await RefreshAsync("monthly", Range("2026-02-25", "2026-03-03"));
        var rows = (await AnswerAsync("hourly", "a")).Rows;
        Assert.Equal(rows.Select(r => r.Bucket).Order(), rows.Select(r => r.Bucket));
        Assert.All(rows, r => Assert.Equal("a", r.SensorId));
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task With_the_tail_off_an_answer_ends_at_the_watermark()
    {
        await OpenAsync(Settings with { RealTime = false });
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        Assert.Equal("", await CountsAsync("hourly"));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-09T10:00Z", 1));
        Assert.Equal("03-08 10:00=1", await CountsAsync("hourly"));
        Assert.Equal("", await CountsAsync("daily"));
        Assert.Equal(
            [new FleetPoint(At("2026-03-08T10:00Z"), 1, 1)],
            await Store.FleetAsync(new FleetQuery("hourly", "temperature", TimeRange.All), Token));
        await RefreshAllAsync();
        Assert.Equal("03-08 10:00=1, 03-09 10:00=1", await CountsAsync("hourly"));
        Assert.Equal("03-08 00:00=1", await CountsAsync("daily"));
    }

    [Fact]
    public async Task A_late_write_below_the_watermark_shows_after_the_refresh_and_is_pending_until_then()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T10:30Z", 5));
        Assert.Equal("03-08 10:00=1, 03-09 10:00=1", await CountsAsync("hourly"));
        Assert.True((await AnswerAsync("hourly")).Pending);
        await RefreshAllAsync();
        Assert.Equal("03-08 10:00=2, 03-09 10:00=1", await CountsAsync("hourly"));
        Assert.False((await AnswerAsync("hourly")).Pending);
    }

    [Fact]
    public async Task Pending_is_told_of_the_sensor_and_the_range_that_were_touched_only()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-08T10:00Z", 1, sensor: "b"), At("2026-03-09T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T10:30Z", 5));
        Assert.True((await AnswerAsync("hourly", "a")).Pending);
        Assert.False((await AnswerAsync("hourly", "b")).Pending);
        Assert.True((await AnswerAsync("hourly", "a", Range("2026-03-08T10:00Z", "2026-03-08T11:00Z"))).Pending);
        Assert.False((await AnswerAsync("hourly", "a", Range("2026-03-08T11:00Z", "2026-03-10"))).Pending);
        Assert.False((await AnswerAsync("hourly", "a", Range("2026-03-08T10:10Z", "2026-03-08T11:00Z"))).Pending);
        Assert.False((await AnswerAsync("hourly", "a", Range("2026-03-07", "2026-03-08T10:00Z"))).Pending);
    }

    [Fact]
    public async Task Pending_reaches_what_is_built_from_a_touched_source()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1), At("2026-03-05T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-02-08T11:30Z", 5));
        foreach (var aggregate in new[] { "hourly", "daily", "monthly", "peak_hours" })
        {
            Assert.True((await AnswerAsync(aggregate, range: Range("2026-02-01", "2026-02-08T23:00Z"))).Pending, aggregate);
            Assert.False((await AnswerAsync(aggregate, range: Range("2026-02-09", "2026-03-10"))).Pending, aggregate);
        }

        await RefreshAsync("hourly");
        Assert.False((await AnswerAsync("hourly")).Pending);
        Assert.True((await AnswerAsync("daily")).Pending);
        Assert.True((await AnswerAsync("monthly")).Pending);
        await RefreshAsync("monthly");
        Assert.False((await AnswerAsync("monthly")).Pending);
        Assert.True((await AnswerAsync("peak_hours")).Pending);
    }

    [Fact]
    public async Task A_write_that_changes_nothing_leaves_nothing_pending()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        Assert.False((await AnswerAsync("hourly")).Pending);
    }

    [Fact]
    public async Task A_write_above_the_watermark_is_fresh_and_not_pending()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T11:00Z", 1));
        Assert.Equal("03-08 10:00=1, 03-08 11:00=1", await CountsAsync("hourly"));
        Assert.False((await AnswerAsync("hourly")).Pending);
    }

    [Fact]
    public async Task Watermarks_are_ordered_from_coarse_to_fine_and_never_go_back()
    {
        Instant? before = null;
        for (var day = 0; day < 40; day += 7)
        {
            await WriteAsync(Enumerable.Range(0, 30)
                .Select(i => new Reading(At("2026-01-28T00:00Z") + TimeSpan.FromDays(day - (i % 5)) + TimeSpan.FromHours(i), "a", [i, i])));
            await RefreshAsync(day % 2 == 0 ? "monthly" : "daily");
            var (hourly, daily, monthly) = (await WatermarkAsync("hourly"), await WatermarkAsync("daily"), await WatermarkAsync("monthly"));
            Assert.True(hourly >= daily && (monthly is null || daily >= monthly), $"{hourly} {daily} {monthly}");
            Assert.True(before is null || hourly >= before);
            before = hourly;
        }

        Assert.NotNull(await WatermarkAsync("monthly"));
    }

    [Fact]
    public async Task From_raw_ignores_what_is_materialised()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T10:30Z", 5));
        Assert.Equal([2, 1], (await AnswerAsync("hourly", "a", fromRaw: true)).Rows.Select(r => r.ReadingCount));
        Assert.Equal(
            [2],
            (await AnswerAsync("hourly", null, Range("2026-03-08", "2026-03-09"), fromRaw: true)).Rows.Select(r => r.ReadingCount));
        HasValues((await AnswerAsync("peak_hours", "a", fromRaw: true)).Rows[0].Values[..3], 3, 1, 5);
    }

    [Fact]
    public async Task The_fleets_average_weighs_readings_of_all_sensors()
    {
        await WriteAsync(
            At("2026-03-08T10:00Z", 1), At("2026-03-08T10:10Z", 1), At("2026-03-08T10:00Z", 7, sensor: "b"), At(
                "2026-03-08T10:20Z",
                null,
                sensor: "b"),
            At("2026-03-08T11:00Z", null), At("2026-03-10T11:00Z", 2));
        FleetPoint[] expected = [new(At("2026-03-08T10:00Z"), 3, 4), new(At("2026-03-08T11:00Z"), null, 1), new(
            At("2026-03-10T11:00Z"),
            2,
            1)];
        var query = new FleetQuery("hourly", "temperature", TimeRange.All);
        Assert.Equal(expected, await Store.FleetAsync(query, Token));
        Assert.Equal(expected, await Store.FleetAsync(query with { FromRaw = true }, Token));
        await RefreshAllAsync();
        Assert.Equal(expected, await Store.FleetAsync(query, Token));
        Assert.Equal(
            expected[..2],
            await Store.FleetAsync(query with { Range = Range("2026-03-08T10:00Z", "2026-03-10T11:00Z") }, Token));
        Assert.Equal([new(At("2026-03-01"), 11 / 4.0, 6)], await Store.FleetAsync(query with { Aggregate = "monthly" }, Token));
    }

    [Fact]
    public async Task What_is_unknown_is_named()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        Assert.Equal(StoreErrorKind.UnknownAggregate, await FailsAsync(() => AnswerAsync("weekly")));
        Assert.Equal(StoreErrorKind.UnknownSensor, await FailsAsync(() => AnswerAsync("hourly", "A")));
        Assert.Equal(StoreErrorKind.UnknownSensor, await FailsAsync(() => AnswerAsync("hourly", "nobody", fromRaw: true)));
        Assert.Equal(
            StoreErrorKind.UnknownAggregate,
            await FailsAsync(() => Store.FleetAsync(new FleetQuery("weekly", "temperature", TimeRange.All), Token)));
        Assert.Equal(
            StoreErrorKind.Invalid,
            await FailsAsync(() => Store.FleetAsync(new FleetQuery("hourly", "wind", TimeRange.All), Token)));
        Assert.Empty((await AnswerAsync("hourly", "a", Range("2020-01-01", "2020-02-01"))).Rows);
    }
}
