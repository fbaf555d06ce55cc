namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clauses 1 and 10: what is stored is reconciled or refused, survives reopening, and is verified.</summary>
public abstract class SchemaSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private static readonly Metric Wind = TestSchema.Metric("wind");

    [Fact]
    public async Task Initialize_again_changes_nothing()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        await RefreshAllAsync();
        await Store.InitializeAsync(Token);
        Assert.Equal("03-08 10:00=1", await CountsAsync("hourly"));
        Assert.Single(await RawAsync());
    }

    [Fact]
    public async Task Everything_survives_reopening()
    {
        await WriteAsync(
            At("2026-01-08T10:00Z", 1),
            At("2026-02-08T10:00Z", 2, 3),
            At("2026-03-08T10:00Z", null, sensor: "b"),
            At("2026-03-10T11:00Z", 5));
        await RefreshAllAsync();
        await WriteAsync(At("2026-02-08T10:30Z", 4));
        await Store.CompressAsync(null, Token);
        var (sensors, raw, hourly, monthly) = (await Store
            .SensorsAsync(Token), await RawAsync(), await AnswerAsync("hourly"), await AnswerAsync("monthly"));
        await OpenAsync();
        Assert.Equal(sensors, await Store.SensorsAsync(Token));
        Assert.Equal(raw.Select(r => r.Time).Order(), (await RawAsync()).Select(r => r.Time).Order());
        Assert.Equal((hourly.Watermark, hourly.Pending), ((await AnswerAsync("hourly")).Watermark, (await AnswerAsync("hourly")).Pending));
        Assert.Null(Comparison.Difference(hourly, await AnswerAsync("hourly")));
        Assert.Null(Comparison.Difference(monthly, await AnswerAsync("monthly")));
        Assert.Equal(5, (await Store.CurrentAsync("a", Token)).Values[0]);
        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync(At("2026-02-08T10:30Z", 4)));
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task A_new_metric_is_null_in_what_was_written_before()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-03-08T10:00Z", 1, 2));
        await RefreshAllAsync();
        await Store.CompressAsync(null, Token);
        await OpenAsync(
            Settings with { Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity, Wind], TestSchema.Chain()) });
        HasValues((await RawAsync("a"))[0].Values, 1, 2, double.NaN);
        HasValues((await Store.CurrentAsync("a", Token)).Values, 1, 2, double.NaN);
        HasValues((await AnswerAsync("hourly")).Rows[0].Values, 1, 1, 1, 2, 2, 2, double.NaN, double.NaN, double.NaN);
        await WriteAsync(new Reading(At("2026-02-08T10:30Z"), "a", [3, 4, 5]), new Reading(At("2026-03-10T10:30Z"), "a", [3, 4, 5]));
        await RefreshAllAsync();
        HasValues((await AnswerAsync("monthly")).Rows[0].Values, 2, 1, 3, 3, 2, 4, 5, 5, 5);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_new_metric_between_others_leaves_them_as_they_are_when_late_buckets_are_written_again()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-03-08T10:00Z", 1, 2));
        await RefreshAllAsync();
        await OpenAsync(
            Settings with { Schema = TestSchema.Create([TestSchema.Temperature, Wind, TestSchema.Humidity], TestSchema.Chain()) });
        await WriteAsync(new Reading(At("2026-02-08T10:30Z"), "a", [3, 4, 5]));
        await RefreshAllAsync();
        HasValues((await AnswerAsync("hourly")).Rows[0].Values, 2, 1, 3, 4, 4, 4, 3.5, 2, 5);
        HasValues((await AnswerAsync("monthly")).Rows[0].Values, 2, 1, 3, 4, 4, 4, 3.5, 2, 5);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_new_aggregate_is_built_from_raw()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-03-08T10:00Z", 1, 2), At("2026-03-09T10:00Z", 1, 2));
        await RefreshAllAsync();
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create(
            [TestSchema.Temperature, TestSchema.Humidity],
            [.. TestSchema.Chain(), new("weekly", "7 days", "daily")])
        });
        Assert.Equal("02-02 00:00=1, 03-02 00:00=1, 03-09 00:00=1", await CountsAsync("weekly"));
        Assert.Null(await WatermarkAsync("weekly"));
        await RefreshAllAsync();
        Assert.Equal(At("2026-03-09"), await WatermarkAsync("weekly"));
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Theory]
    [InlineData("peak_hours")]
    [InlineData("monthly")]
    [InlineData("daily", "monthly")]
    [InlineData("hourly", "daily", "monthly")]
    public async Task An_aggregate_that_was_away_learns_what_was_written_late_meanwhile(params string[] away)
    {
        await WriteAsync(
            At("2026-02-08T10:00Z", 1, 2),
            At("2026-02-09T10:00Z", 1, 2),
            At("2026-03-08T10:00Z", 1, 2),
            At("2026-03-10T10:00Z", 1, 2));
        await RefreshAllAsync();
        await WithoutAsync(away);
        await WriteAsync(At("2026-02-08T10:30Z", 39, 3), At("2026-03-08T10:00Z", 5, 6));
        await RefreshAllAsync();
        await OpenAsync(new StoreSettings());
        Assert.True((await AnswerAsync(away[0])).Pending);
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Theory]
    [InlineData("hourly", "daily", "monthly")]
    [InlineData("weekly")]
    public async Task An_aggregate_that_was_away_gets_the_metrics_that_came_meanwhile(params string[] there)
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-03-08T10:00Z", 1, 2));
        await RefreshAllAsync();
        var metrics = new[] { TestSchema.Temperature, TestSchema.Humidity, Wind };
        var all = TestSchema.Chain().Append(new("weekly", "7 days"));
        await OpenAsync(Settings with { Schema = TestSchema.Create(metrics, all.Where(a => there.Contains(a.Name))) });
        await WriteAsync(new Reading(At("2026-02-08T10:30Z"), "a", [3, 4, 5]), new Reading(At("2026-03-09T10:30Z"), "a", [3, 4, 5]));
        await RefreshAllAsync();
        await OpenAsync(Settings with { Schema = TestSchema.Create(metrics, TestSchema.Chain()) });
        await RefreshAllAsync();
        HasValues((await AnswerAsync("peak_hours")).Rows[0].Values, 2, 1, 3, 3, 2, 4, 5, 5, 5, 3, 1, 2);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task Retention_keeps_up_an_aggregate_that_is_away()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-02-09T10:00Z", 1, 2), At("2026-03-08T10:00Z", 1, 2));
        await RefreshAllAsync();
        await WithoutAsync("peak_hours");
        await WriteAsync(At("2026-02-08T10:30Z", 39, 3), At("2026-03-09T10:00Z", 5, 6));
        await OpenAsync(Settings with { Retention = TimeSpan.FromDays(20) });
        Assert.NotEqual(0, (await Store.RetainAsync(Token)).ChunksDropped);
        await OpenAsync(new StoreSettings());
        Assert.Equal("02-08 00:00=2, 02-09 00:00=1, 03-08 00:00=1, 03-09 00:00=1", await CountsAsync("peak_hours"));
        await RefreshAllAsync();
        Assert.Equal("02-08 00:00=2, 02-09 00:00=1, 03-08 00:00=1, 03-09 00:00=1", await CountsAsync("peak_hours"));
        await VerifyIsCleanAsync();
    }

    /// <summary>Opens the store with the default aggregates but some.</summary>
    private Task WithoutAsync(params string[] away) => OpenAsync(Settings with
    {
        Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity], TestSchema.Chain().Where(a => !away.Contains(a.Name))),
    });

    [Fact]
    public async Task An_aggregate_between_or_below_others_is_added_and_those_keep_their_sources()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-03-08T10:00Z", 1, 2), At("2026-03-10T10:00Z", 1, 2));
        await RefreshAllAsync();
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create(
                [TestSchema.Temperature, TestSchema.Humidity],
                [new("quarters", "15 minutes"), new("hourly", "1 hour", "quarters"), new("shift", "6 hours", "hourly"), new(
                    "daily",
                    "1 day",
                    "shift"), .. TestSchema.Chain().Skip(2)]),
        });
        Assert.Equal(
            ["quarters from ", "hourly from ", "shift from hourly", "daily from hourly", "monthly from daily", "peak_hours from "],
            Store.Schema.Aggregates.Select(a => $"{a} from {a.Source}"));
        await WriteAsync(At("2026-02-08T10:30Z", 39, 3), At("2026-03-09T10:00Z", 5, 6));
        await RefreshAllAsync();
        Assert.Equal("02-08 06:00=2, 03-08 06:00=1, 03-09 06:00=1, 03-10 06:00=1", await CountsAsync("shift"));
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
        await OpenAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public Task Another_source_is_refused() => IsRefusedAsync(
        TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity], [new("daily", "1 day"), .. TestSchema.Chain().Skip(2)]), "daily");

    [Fact]
    public Task Another_bucket_is_refused() => IsRefusedAsync(
        TestSchema.Create(
            [TestSchema.Temperature, TestSchema.Humidity],
            [new("hourly", "2 hours"), .. TestSchema.Chain().Skip(1)]), "hourly");

    [Fact]
    public Task Other_extra_columns_are_refused() => IsRefusedAsync(
        TestSchema.Create(
            [TestSchema.Temperature, TestSchema.Humidity],
            [.. TestSchema.Chain().Take(3), new("peak_hours", "1 day", Columns: [.. TestSchema.PeakColumns.Take(2)])]), "peak_hours");

    [Fact]
    public async Task Another_chunk_interval_is_refused_once_there_are_chunks()
    {
        await OpenAsync(Settings with { ChunkInterval = TimeSpan.FromHours(6) });
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        var error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(Settings with { ChunkInterval = TimeSpan.FromDays(7) }));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        Assert.Contains("chunk", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_healthy_store_verifies_clean_and_tells_what_it_checked()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-02-08T10:00Z", 3, sensor: "b"), At("2026-03-08T10:00Z", null));
        await RefreshAllAsync();
        var report = await Store.VerifyAsync("hourly", null, Token);
        Assert.Equal((3, 0, 0), (report.BucketsChecked, report.BucketsPending, report.DifferenceCount));
        Assert.Equal(3 + 2 + 0 + 3, (await Store.VerifyAsync(null, null, Token)).BucketsChecked);
        Assert.Equal(StoreErrorKind.UnknownAggregate, await FailsAsync(() => Store.VerifyAsync("weekly", null, Token)));
    }

    [Fact]
    public async Task Verify_counts_buckets_that_wait_for_a_refresh_apart()
    {
        await WriteAsync(At("2026-02-08T10:00Z", 1, 2), At("2026-02-08T10:00Z", 3, sensor: "b"), At("2026-03-08T10:00Z", null));
        await RefreshAllAsync();
        await WriteAsync(At("2026-02-08T10:30Z", 5));
        var report = await Store.VerifyAsync("hourly", null, Token);
        Assert.Equal((2, 1, 0), (report.BucketsChecked, report.BucketsPending, report.DifferenceCount));
        report = await Store.VerifyAsync("daily", null, Token);
        Assert.Equal((1, 1, 0), (report.BucketsChecked, report.BucketsPending, report.DifferenceCount));
        await RefreshAllAsync();
        await VerifyIsCleanAsync();
    }

    private async Task IsRefusedAsync(TelemetrySchema schema, string named)
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1));
        await RefreshAllAsync();
        var error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(Settings with { Schema = schema }));
        Assert.Equal(StoreErrorKind.SchemaMismatch, error.Kind);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        await OpenAsync(new StoreSettings());
        Assert.Equal("03-08 10:00=1", await CountsAsync("hourly"));
    }
}
