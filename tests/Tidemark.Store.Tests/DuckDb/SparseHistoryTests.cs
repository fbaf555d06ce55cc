using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>Chunk intervals that hold little share a chunk, and everything else stays as it is.</summary>
public sealed class DuckDbSparseHistory : StoreSuite
{
    private const int RowGroup = 20_480;

    private static readonly StoreSettings Weekly = new() { ChunkInterval = TimeSpan.FromDays(7) };

    private readonly DuckDbFixture _fixture;

    public DuckDbSparseHistory() : this(new DuckDbFixture())
    {
    }

    private DuckDbSparseHistory(DuckDbFixture fixture) : base(fixture) => _fixture = fixture;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await OpenAsync(Weekly);
    }

    [Fact]
    public async Task Daily_readings_of_decades_take_few_chunks_and_a_small_file()
    {
        await WriteAsync(Daily());
        Assert.InRange((await ChunksAsync()).Count, 2, 3);
        await RefreshAllAsync();
        Assert.InRange((await Store.CompressAsync(null, Token)).Chunks, 2, 3);
        Assert.Equal(new CompressResult(0, 0, 0), await Store.CompressAsync(null, Token));
        Assert.InRange((await Store.ReadStatusAsync(Token)).TotalBytes, 1, 10_000_000);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
        Assert.Equal(Daily().Select(r => (r.Time, r.Values[0])), (await RawAsync("a")).Select(r => (r.Time, r.Values[0])));
        Assert.Equal(new WriteResult(0, 0, Daily().Count()), await WriteAsync(Daily()));
    }

    [Fact]
    public async Task Times_all_over_two_thousand_years_take_few_chunks_and_retention_is_exact()
    {
        const long Minutes = 2000L * 365 * 24 * 60;
        var random = new Random(20261128);
        var readings = Enumerable.Range(0, 60_000)
            .Select(i => new Reading(Instant.Utc(26, 1, 1) + TimeSpan.FromMinutes(random.NextInt64(Minutes)), "a", [i, double.NaN]))
            .DistinctBy(r => r.Time).OrderBy(r => r.Time).ToList();
        foreach (var part in readings.OrderBy(_ => random.Next()).Chunk(25_000))
        {
            Assert.Equal(new WriteResult(part.Length, 0, 0), await WriteAsync(part));
        }

        Assert.InRange((await ChunksAsync()).Count, 3, 12);
        await Store.CompressAsync(null, Token);
        await OpenAsync(Weekly with { Retention = TimeSpan.FromDays(365 * 300) });
        var horizon = readings.Select(r => Week.End(Week.Floor(r.Time))).Last(end => end <= Start - Settings.Retention!.Value);
        var gone = readings.Where(r => r.Time < horizon).ToList();
        var weeks = gone.Select(r => Week.Floor(r.Time)).Distinct().Count();
        Assert.Equal(new RetainResult(weeks, gone.Count, 0, horizon), await Store.RetainAsync(Token));
        Assert.Equal(readings[gone.Count..].Select(r => r.Time), (await RawAsync("a")).Select(r => r.Time));
        Assert.Equal(horizon, (await ChunksAsync())[0].Range.From);
        var old = new Reading(new Instant(horizon.Micros - 1), "a", [1, 1]);
        Assert.Equal(StoreErrorKind.OlderThanRetention, await FailsAsync(() => WriteAsync(old)));
        Assert.Equal(1, (await WriteAsync(new Reading(horizon, "b", [1, 1]))).Written);
        await RefreshAllAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task An_interval_that_fills_gets_a_chunk_of_its_own()
    {
        await WriteAsync(Daily());
        await Store.CompressAsync(null, Token);
        await RefreshAllAsync();
        var dense = Dense(At("1990-06-04"));
        foreach (var part in dense.Chunk(5000))
        {
            await WriteAsync(part);
        }

        var chunk = Assert.Single(await ChunksAsync(), c => c.Rows > RowGroup);
        Assert.Equal((Range("1990-06-04", "1990-06-11"), RowGroup + 100 + 7), (chunk.Range, chunk.Rows));
        Assert.InRange((await ChunksAsync()).Count, 4, 7);
        await RefreshAllAsync();
        await Store.CompressAsync(null, Token);
        Assert.Contains(await ChunksAsync(), c => c.Compressed && c.Range == chunk.Range);
        Assert.Equal(Daily().Concat(dense).Count(), (await RawAsync()).Count);
        Assert.Equal(dense.Select(r => r.Time), (await RawAsync("b")).Select(r => r.Time));
        Assert.Equal(Daily().Select(r => r.Time), (await RawAsync("a")).Select(r => r.Time));
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task Dense_intervals_have_chunks_of_their_own_from_the_start()
    {
        await WriteAsync(Dense(At("2026-02-09")).Concat(Dense(At("2026-02-16"))).Concat(Dense(At("2026-02-23"))));
        Assert.Equal(
            [Range("2026-02-09", "2026-02-16"), Range("2026-02-16", "2026-02-23"), Range("2026-02-23", "2026-03-02")],
            (await ChunksAsync()).Select(c => c.Range));
    }

    [Fact]
    public async Task A_late_reading_opens_the_chunk_that_holds_it_and_no_other()
    {
        await WriteAsync(Daily());
        await Store.CompressAsync(null, Token);
        var closed = (await ChunksAsync()).Count(c => c.Compressed);
        var same = Daily().First(r => r.Time == At("1990-06-06T12:00Z"));
        Assert.Equal(new WriteResult(1, 1, 1), await WriteAsync(At("1990-06-04T13:00Z", 1), At("1990-06-05T12:00Z", 99), same));
        Assert.Equal(closed - 1, (await ChunksAsync()).Count(c => c.Compressed));
        Assert.Equal([1, 99], (await RawAsync("a", Range("1990-06-04T13:00Z", "1990-06-06"))).Select(r => r.Values[0]));
        await Store.CompressAsync(null, Token);
        Assert.Equal([1, 99], (await RawAsync("a", Range("1990-06-04T13:00Z", "1990-06-06"))).Select(r => r.Values[0]));
        await RefreshAllAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task Only_what_is_due_of_a_shared_chunk_is_compressed()
    {
        await WriteAsync(Daily());
        await Store.CompressAsync(null, Token);

        // 2026-03-10 less a week is a Tuesday: its week is open, as is the next.
        Assert.Equal(
            [(true, At("2026-03-02")), (false, At("2026-03-16"))],
            (await ChunksAsync()).TakeLast(2).Select(c => (c.Compressed, c.Range.To)));
        var open = (await ChunksAsync())[^1].Rows;
        Assert.Equal(9, open);
        Clock.SetUtcNow(At("2026-03-24").ToDateTimeOffset());
        await WriteAsync(At("2026-03-23T12:00Z", 1));
        Assert.NotEqual(0, (await Store.CompressAsync(null, Token)).Chunks);
        Assert.Equal(At("2026-03-16"), (await ChunksAsync()).Last(c => c.Compressed).Range.To);
        Assert.Equal(1, (await ChunksAsync())[^1].Rows);
    }

    [Fact]
    public async Task A_store_of_a_chunk_for_each_interval_is_put_together()
    {
        _fixture.SharedReadings = 1;
        await OpenAsync();
        var readings = Daily().Where(r => r.Time >= At("2024-01-01")).ToList();
        await WriteAsync(readings);
        await Store.CompressAsync(null, Token);
        Assert.Equal(115, (await ChunksAsync()).Count);
        _fixture.SharedReadings = RowGroup;
        await OpenAsync();
        await WriteAsync(At("2024-05-05T01:00Z", 5));
        Assert.Equal(readings.Count + 1, (await RawAsync("a")).Count);
        Assert.Equal(1, (await Store.CompressAsync(null, Token)).Chunks);
        Assert.InRange((await ChunksAsync()).Count, 2, 3);
        Assert.Equal(readings.Append(At("2024-05-05T01:00Z", 5)).Select(r => r.Time).Order(), (await RawAsync("a")).Select(r => r.Time));
        await RefreshAllAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task The_last_reading_of_a_sensor_outlives_its_part_of_a_shared_chunk()
    {
        await WriteAsync([.. Daily(), At("1958-06-01T10:00Z", 7, 8, "old")]);
        await OpenAsync(Weekly with { Retention = TimeSpan.FromDays(30 * 365) });
        Assert.NotEqual(0, (await Store.RetainAsync(Token)).ReadingsDropped);
        await OpenAsync();
        HasValues((await Store.CurrentAsync("old", Token)).Values, 7, 8);
        Assert.Equal(At("2026-03-10T12:00Z"), (await Store.CurrentAsync("a", Token)).Time);
    }

    private static BucketWidth Week { get; } = BucketWidth.Fixed(TimeSpan.FromDays(7));

    private async Task<IReadOnlyList<ChunkStatus>> ChunksAsync() => (await Store.ReadStatusAsync(Token)).Chunks;

    /// <summary>A reading a day of one sensor, from 1958 to the clock's start.</summary>
    private static IEnumerable<Reading> Daily() => Enumerable.Range(0, 24_906).Select(
        i => new Reading(Start - TimeSpan.FromDays(24_905 - i), "a", [i % 37, i % 5 == 0 ? double.NaN : i % 13]));

    /// <summary>Somewhat more than a row group of readings inside a week.</summary>
    private static List<Reading> Dense(Instant week)
        => [.. Enumerable.Range(0, RowGroup + 100).Select(i => new Reading(week + TimeSpan.FromSeconds(29 * i), "b", [i % 41, 1]))];
}
