namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 5: what a refresh materialises, and nothing else.</summary>
public abstract class RefreshSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    [Fact]
    public async Task Buckets_hold_their_first_microsecond_and_not_the_next_ones()
    {
        await WriteAsync(
            At("2026-03-10T08:59:59.999999Z", 1), At("2026-03-10T09:00:00Z", 2), At("2026-03-10T09:59:59.999999Z", 3), At(
                "2026-03-10T10:00:00Z",
                4));
        await RefreshAsync("hourly");
        Assert.Equal("03-10 08:00=1, 03-10 09:00=2, 03-10 10:00=1", await CountsAsync("hourly"));
        Assert.Equal(2.5, (await AnswerAsync("hourly")).Rows[1].Values[0]);
    }

    [Fact]
    public async Task Months_have_their_own_lengths_and_leap_days_belong_to_february()
    {
        await WriteAsync(
            At("2024-01-31T23:59:59.999999Z", 1), At("2024-02-01T00:00Z", 2), At("2024-02-29T12:00Z", 3), At(
                "2024-02-29T23:59:59.999999Z",
                4),
            At("2024-03-01T00:00Z", 5), At("2025-02-28T23:59Z", 6), At("2025-03-01T00:00Z", 7), At("2025-12-31T23:59:59.999999Z", 8), At(
                "2026-01-01T00:00Z",
                9));
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        Assert.Equal(
            [("2024-01", 1), ("2024-02", 3), ("2024-03", 1), ("2025-02", 1), ("2025-03", 1), ("2025-12", 1), ("2026-01", 1)],
            (await AnswerAsync("monthly")).Rows.Select(r => ($"{r.Bucket.ToDateTime():yyyy-MM}", (int)r.ReadingCount)));
        Assert.Equal(2, (await AnswerAsync("daily", range: Range("2024-02-29", "2024-03-01"))).Rows.Single().ReadingCount);
    }

    [Fact]
    public async Task Without_a_range_everything_closed_is_materialised_sources_first()
    {
        await WriteAsync(At("2026-01-15T10:00Z", 1), At("2026-02-15T10:00Z", 2), At("2026-03-10T11:00Z", 3));
        var results = await RefreshAsync("monthly");
        Assert.Equal(["hourly", "daily", "monthly"], results.Select(r => r.Aggregate));
        Assert.Equal([3, 2, 1], results.Select(r => r.RowsWritten));
        Assert.Equal([At("2026-03-10T12:00Z"), At("2026-02-16"), At("2026-02-01")], results.Select(r => r.Watermark!.Value));
        Assert.Null(await WatermarkAsync("peak_hours"));
    }

    [Fact]
    public async Task An_aggregate_follows_its_source_only_up_to_the_sources_watermark()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1));
        await RefreshAsync("monthly");

        // The hourly watermark, 03-09 11:00, doesn't reach the end of that day.
        Assert.Equal(At("2026-03-09T11:00Z"), await WatermarkAsync("hourly"));
        Assert.Equal(At("2026-03-09"), await WatermarkAsync("daily"));
        Assert.Null(await WatermarkAsync("monthly"));
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task A_second_refresh_writes_nothing()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1));
        await RefreshAllAsync();
        Assert.All(await RefreshAsync("monthly"), r => Assert.Equal(0, r.RowsWritten));
        Assert.All(await Store.PlanRefreshAsync("monthly", null, Token), p => Assert.Equal((null, 0), (p.New, p.InvalidBuckets)));
    }

    [Fact]
    public async Task A_late_reading_costs_its_own_buckets_only()
    {
        await WriteAsync(
            Enumerable.Range(0, 2000).Select(
                i => new Reading(At("2026-01-05T00:00Z") + TimeSpan.FromMinutes(30 * i), $"s{i % 2}", [i, -i])));
        await RefreshAllAsync();
        await WriteAsync(At("2026-01-07T05:10Z", 99, sensor: "s1"));
        Assert.Equal(
            [("hourly", 1), ("daily", 1), ("monthly", 1)],
            (await RefreshAsync("monthly")).Select(r => (r.Aggregate, (int)r.RowsWritten)));
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task Late_readings_of_many_sensors_and_hours_are_all_taken_in()
    {
        Reading[] Hourly(int minute, double value) => [.. from hour in Enumerable.Range(0, 60) from sensor in Enumerable.Range(0, 5)
            select new Reading(At("2026-03-01T00:00Z") + TimeSpan.FromMinutes((60 * hour) + minute), $"s{sensor}", [value, hour])];
        await WriteAsync(Hourly(10, 1));
        await RefreshAllAsync();
        await WriteAsync(Hourly(20, 3));
        Assert.Equal([300, 10], (await RefreshAsync("daily")).Select(r => r.RowsWritten));
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_range_is_widened_to_whole_buckets()
    {
        await WriteAsync(At("2026-03-09T10:10Z", 1), At("2026-03-09T10:50Z", 2), At("2026-03-09T11:10Z", 3));
        await RefreshAsync("hourly", Range("2026-03-09T10:20Z", "2026-03-09T10:30Z"));
        Assert.Equal(At("2026-03-09T11:00Z"), await WatermarkAsync("hourly"));
        await WriteAsync(At("2026-03-09T10:05Z", 4));
        await RefreshAsync("hourly", Range("2026-03-09T10:59:59.999999Z", "2026-03-09T11:00Z"));
        Assert.Equal(3, (await AnswerAsync("hourly")).Rows[0].ReadingCount);
        Assert.False((await AnswerAsync("hourly")).Pending);
    }

    [Fact]
    public async Task A_range_is_widened_by_the_aggregate_before_its_sources_see_it()
    {
        await WriteAsync(At("2026-01-01T00:10Z", 1), At("2026-01-31T23:10Z", 1), At("2026-02-03T10:00Z", 1));
        await RefreshAsync("monthly", Range("2026-01-15", "2026-01-16"));
        Assert.Equal(At("2026-02-01"), await WatermarkAsync("monthly"));
        Assert.Equal(At("2026-02-01"), await WatermarkAsync("hourly"));
    }

    [Fact]
    public async Task With_a_range_only_invalid_buckets_inside_are_written_again()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1), At("2026-03-09T12:00Z", 1));
        await RefreshAsync("hourly");
        await WriteAsync(At("2026-03-08T10:30Z", 2), At("2026-03-09T10:30Z", 2));
        Assert.Equal(1, (await RefreshAsync("hourly", Range("2026-03-09", "2026-03-10"))).Single().RowsWritten);
        Assert.Equal("03-08 10:00=1, 03-09 10:00=2, 03-09 12:00=1", await CountsAsync("hourly"));
        Assert.True((await AnswerAsync("hourly", range: Range("2026-03-08", "2026-03-09"))).Pending);
        Assert.False((await AnswerAsync("hourly", range: Range("2026-03-09", "2026-03-10"))).Pending);
        await RefreshAsync("hourly");
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task New_buckets_before_a_range_are_materialised_too_so_that_no_hole_is_left()
    {
        await WriteAsync(At("2026-03-07T10:00Z", 1), At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", 1));
        await RefreshAsync("hourly", Range("2026-03-08", "2026-03-09"));
        Assert.Equal(At("2026-03-08T11:00Z"), await WatermarkAsync("hourly"));
        Assert.Equal("03-07 10:00=1, 03-08 10:00=1, 03-09 10:00=1", await CountsAsync("hourly"));
        Assert.Equal(2, (await Store.ReadStatusAsync(Token)).Aggregates.Single(a => a.Name == "hourly").Rows);
    }

    [Fact]
    public async Task A_range_below_the_watermark_materialises_nothing_new()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        await RefreshAsync("hourly");
        await WriteAsync(At("2026-03-09T10:00Z", 1));
        Assert.Equal(0, (await RefreshAsync("hourly", Range("2026-03-07", "2026-03-08"))).Single().RowsWritten);
        Assert.Equal(At("2026-03-08T11:00Z"), await WatermarkAsync("hourly"));
    }

    [Fact]
    public async Task A_replaced_reading_reaches_every_level_by_its_own_refresh()
    {
        await WriteAsync(
            At("2026-01-05T10:00Z", 10, 1),
            At("2026-01-05T10:01Z", 20, 2),
            At("2026-02-05T10:00Z", 1),
            At("2026-03-05T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-01-05T10:01Z", null, 4));
        await RefreshAsync("hourly");
        Assert.Equal(10, (await AnswerAsync("hourly")).Rows[0].Values[2]);
        Assert.Equal(20, (await AnswerAsync("daily")).Rows[0].Values[2]);
        Assert.True((await AnswerAsync("daily")).Pending);
        await RefreshAllAsync();
        HasValues((await AnswerAsync("monthly")).Rows[0].Values, 10, 10, 10, 2.5, 1, 4);
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task A_sensor_that_appears_late_gets_its_buckets()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T09:00Z", 7, sensor: "late"));
        Assert.Empty((await AnswerAsync("hourly", "late")).Rows);
        Assert.True((await AnswerAsync("hourly", "late")).Pending);
        await RefreshAllAsync();
        Assert.Equal(7, Assert.Single((await AnswerAsync("hourly", "late")).Rows).Values[0]);
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task Refreshes_at_once_end_in_the_right_answer()
    {
        await WriteAsync(Readings(3000));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => RefreshAsync(i % 2 == 0 ? "monthly" : "peak_hours"), Token)));
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task Refreshes_beside_writes_end_in_the_right_answer()
    {
        await WriteAsync(Readings(500));
        var writes = Task.Run(async () =>
        {
            foreach (var part in Readings(3000).Reverse().Chunk(200))
            {
                await WriteAsync(part);
            }
        }, Token);
        while (!writes.IsCompleted)
        {
            await RefreshAsync("monthly");
        }

        await writes;
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public async Task A_refresh_that_was_killed_leaves_right_answers_and_the_next_finishes_it(int reports)
    {
        if (reports > 1)
        {
            TestLength.SkipUnlessShare();
        }

        await WriteAsync(Readings(1500));
        await RefreshAllAsync();
        await WriteAsync(Readings(3000));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        try
        {
            await Store.RefreshAsync("monthly", null, new CancelAfter(reports, stop), stop.Token);
        }
        catch (OperationCanceledException)
        {
            // An engine may have finished before it looked.
        }

        await UnlessPendingAggregatesEqualRawAsync();
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_plan_tells_what_the_refresh_then_does()
    {
        await WriteAsync(Readings(800));
        await RefreshAllAsync();
        await WriteAsync(
            At("2026-01-03T05:10Z", 5, sensor: "s1"),
            At("2026-01-03T06:10Z", 5, sensor: "s1"),
            At("2026-03-08T06:10Z", 5),
            At("2026-03-09T10:00Z", 5));
        var plan = await Store.PlanRefreshAsync("monthly", null, Token);
        Assert.Equal([("hourly", 2), ("daily", 1), ("monthly", 0)], plan.Select(p => (p.Aggregate, (int)p.InvalidBuckets)));
        Assert.Equal(
            [Range("2026-03-08T06:00Z", "2026-03-10T12:00Z"), Range("2026-01-09", "2026-03-09"), Range("2026-01-01", "2026-03-01")],
            plan.Select(p => p.New!.Value));
        var results = await RefreshAsync("monthly");
        Assert.Equal([4, 4, 2], results.Select(r => r.RowsWritten));
    }

    [Fact]
    public async Task An_unknown_aggregate_is_named()
    {
        var error = await Assert.ThrowsAsync<StoreException>(() => RefreshAsync("weekly"));
        Assert.Equal(StoreErrorKind.UnknownAggregate, error.Kind);
        Assert.Equal("there is no aggregate 'weekly'; there are hourly, daily, monthly, peak_hours", error.Message);
        Assert.Equal(StoreErrorKind.UnknownAggregate, await FailsAsync(() => Store.PlanRefreshAsync("weekly", null, Token)));
    }

    [Fact]
    public async Task An_empty_store_refreshes_to_nothing()
    {
        Assert.All(await RefreshAsync("monthly"), r => Assert.Equal((0, null), (r.RowsWritten, r.Watermark)));
        Assert.Null(await WatermarkAsync("hourly"));
    }

    /// <summary>Two sensors, a reading every 30 minutes from New Year on, some with nulls.</summary>
    private static IEnumerable<Reading> Readings(int count) => Enumerable.Range(0, count).Select(i => new Reading(
        At("2026-01-01T00:00Z") + TimeSpan.FromMinutes(30 * (i / 2)), $"s{i % 2}", [i % 37, i % 11 == 0 ? double.NaN : i % 13]));

    private async Task UnlessPendingAggregatesEqualRawAsync()
    {
        foreach (var aggregate in Settings.Schema.Aggregates)
        {
            var raw = await AnswerAsync(aggregate.Name, fromRaw: true);
            foreach (var rows in raw.Rows.GroupBy(r => r.Bucket))
            {
                var answer = await AnswerAsync(aggregate.Name, range: new TimeRange(rows.Key, aggregate.Bucket.End(rows.Key)));
                var difference = Comparison.Difference(raw with { Rows = [.. rows] }, answer);
                Assert.True(answer.Pending || difference is null, $"{aggregate} {rows.Key}: {difference}");
            }
        }
    }

    private sealed class CancelAfter(int reports, CancellationTokenSource stop) : IProgress<StoreProgress>
    {
        private int _reports;

        public void Report(StoreProgress value)
        {
            if (Interlocked.Increment(ref _reports) == reports)
            {
                stop.Cancel();
            }
        }
    }
}
