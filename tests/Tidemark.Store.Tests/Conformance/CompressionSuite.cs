namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clauses 8 and 9: compression changes no answer; status tells what is there.</summary>
public abstract class CompressionSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private readonly bool _sharesChunks = fixture.SharesChunks;

    [Fact]
    public async Task Chunks_that_closed_long_enough_ago_are_compressed_once()
    {
        await WriteAsync(Readings());
        Assert.Equal(_sharesChunks ? 1 : 28, (await Store.CompressAsync(null, Token)).Chunks);
        Assert.Equal(0, (await Store.CompressAsync(null, Token)).Chunks);

        // 2026-03-10 12:00 less a week: the chunk of the 2nd had ended on the 3rd, that of the 3rd ended on the 4th.
        var chunks = (await Store.ReadStatusAsync(Token)).Chunks;
        Assert.Equal(At("2026-03-03"), chunks.Last(c => c.Compressed).Range.To);
        Assert.Equal(At("2026-03-03"), chunks.First(c => !c.Compressed).Range.From);
    }

    [Fact]
    public async Task Without_an_age_nothing_is_compressed()
    {
        await OpenAsync(Settings with { CompressAfter = null });
        await WriteAsync(Readings());
        Assert.Equal(0, (await Store.CompressAsync(null, Token)).Chunks);
    }

    [Fact]
    public async Task No_answer_changes()
    {
        await WriteAsync(Readings());
        await RefreshAsync("daily", Range("2026-02-01", "2026-02-20"));
        var raw = await RawAsync();
        var answers = Settings.Schema.Aggregates.ToDictionary(a => a, a => AnswerAsync(a.Name).Result);
        await Store.CompressAsync(null, Token);
        Assert.Equal(Sorted(raw), Sorted(await RawAsync()));
        Assert.Equal((await RawAsync("a")).Select(r => r.Time).Order(), (await RawAsync("a")).Select(r => r.Time));
        foreach (var (aggregate, answer) in answers)
        {
            Assert.Null(Comparison.Difference(answer, await AnswerAsync(aggregate.Name)));
        }

        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task Late_writes_into_compressed_chunks_work()
    {
        await WriteAsync(Readings());
        await RefreshAllAsync();
        await Store.CompressAsync(null, Token);
        Assert.Equal(
            new WriteResult(2, 1, 1),
            await WriteAsync(
                At("2026-02-10T00:30Z", 99),
                At("2026-02-10T00:31Z", 98, sensor: "late"),
                At("2026-02-04T00:00Z", 97),
                At("2026-02-04T02:00Z", 13, 0)));
        Assert.True((await AnswerAsync("monthly", "late")).Pending);
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await Store.CompressAsync(null, Token);
        await AggregatesEqualRawAsync();
        Assert.Equal(97, Assert.Single(await RawAsync("a", Range("2026-02-04T00:00Z", "2026-02-04T00:01Z"))).Values[0]);
        Assert.Equal(99, Assert.Single(await RawAsync("a", Range("2026-02-10T00:30Z", "2026-02-10T00:31Z"))).Values[0]);
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_compressed_chunk_is_dropped_like_any_other()
    {
        await OpenAsync(Settings with { Retention = TimeSpan.FromDays(20) });
        await WriteAsync(Readings());
        await Store.CompressAsync(null, Token);
        Assert.Equal(At("2026-02-18"), (await Store.RetainAsync(Token)).RawHorizon);
        Assert.Equal(At("2026-02-18"), (await RawAsync("a"))[0].Time);
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task Status_tells_chunks_aggregates_and_horizons()
    {
        await WriteAsync(Readings());
        await RefreshAsync("daily");
        await WriteAsync(At("2026-02-10T00:30Z", 99));
        var status = await Store.ReadStatusAsync(Token);
        var raw = Assert.Single(status.Hypertables);
        Assert.Equal((TelemetrySchema.RawTable, 427, _sharesChunks ? 1 : 36), (raw.Name, raw.Rows, raw.Chunks));
        Assert.Equal((1, null), (status.Sensors, status.RawHorizon));
        Assert.Equal(427, status.Chunks.Sum(c => c.Rows));
        Assert.Equal(status.Chunks.Select(c => c.Range.From).Order(), status.Chunks.Select(c => c.Range.From));
        Assert.Equal(Range("2026-02-03", "2026-03-11"), new TimeRange(status.Chunks[0].Range.From, status.Chunks[^1].Range.To));
        var days = _sharesChunks ? 36 : 1;
        Assert.All(status.Chunks, c => Assert.Equal((days, false), ((c.Range.To - c.Range.From).TotalDays, c.Compressed)));
        Assert.Equal(["hourly", "daily", "monthly", "peak_hours"], status.Aggregates.Select(a => a.Name));
        var hourly = status.Aggregates[0];
        Assert.Equal(
            ("sensor_data_hourly", "1 hour", At("2026-03-10T11:00Z"), 1),
            (hourly.Table, hourly.Bucket, hourly.Watermark!.Value, hourly.PendingInvalidations));
        Assert.Equal((Start, 425), (hourly.LastRefresh!.Value, hourly.Rows));
        Assert.Equal((null, 0, null), (status.Aggregates[2].Watermark, status.Aggregates[2].Rows, status.Aggregates[2].LastRefresh));
    }

    [Fact]
    public async Task Status_of_an_empty_store_is_empty()
    {
        var status = await Store.ReadStatusAsync(Token);
        Assert.Equal((0, 0), (status.Sensors, status.Chunks.Count));
        Assert.All(status.Aggregates, a => Assert.Equal((0, null, 0), (a.Rows, a.Watermark, a.PendingInvalidations)));
    }

    /// <summary>One sensor, a reading every two hours from 3 February, 02:00, to 10 March, 12:00: 426 in 36 chunks.</summary>
    private static IEnumerable<Reading> Readings()
        => Enumerable.Range(1, 426)
            .Select(i => new Reading(At("2026-02-03") + TimeSpan.FromHours(2 * i), "a", [i % 37, i % 5 == 0 ? double.NaN : i % 13]));

    private static IEnumerable<(Instant, double, double)> Sorted(IEnumerable<Reading> readings)
        => readings.Select(r => (r.Time, r.Values[0], r.Values[1])).Order();
}
