using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>Days of readings that stay in memory, while others write.</summary>
public sealed class RawPagesTests : IAsyncLifetime
{
    private static readonly Instant Midnight = Instant.Utc(2026, 11, 22);
    private static readonly TimeRange Days = new(Midnight - TimeSpan.FromDays(1), Midnight + TimeSpan.FromDays(1));

    private readonly DuckDbFixture _fixture = new();
    private ITelemetryStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _fixture.Clock.AdjustTime((Midnight + TimeSpan.FromHours(30)).ToDateTimeOffset());
        _store = await _fixture.OpenAsync(new StoreSettings(), Token);
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    /// <param name="busy">Whether chunks are divided, and pages read again, all the time.</param>
    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task A_batch_over_midnight_is_seen_whole_or_not_at_all_and_at_once_when_it_is_acknowledged(bool busy)
    {
        const int Batches = 150;
        if (busy)
        {
            (_fixture.SharedReadings, _fixture.PageBytes) = (6, 1);
            _store = await _fixture.OpenAsync(new StoreSettings { ChunkInterval = TimeSpan.FromHours(1) }, Token);
        }

        var step = busy ? TimeSpan.FromMinutes(5) : TimeSpan.FromSeconds(1);
        var acknowledged = 0;
        await WriteAsync(-1);
        var writing = Task.Run(
            async () =>
            {
                for (var i = 0; i < Batches; i++)
                {
                    await WriteAsync(i);
                    Volatile.Write(ref acknowledged, i + 1);
                }
            },
            Token);
        var reads = 0;
        while (!writing.IsCompleted)
        {
            var least = Volatile.Read(ref acknowledged);
            var range = reads % 3 == 0 ? Days : Days with { To = Instant.MaxValue };
            var readings = await _store.RawAsync($"s{reads % 4}", range, Token);
            var (before, after) = (readings.Where(r => r.Time < Midnight), readings.Where(r => r.Time >= Midnight));
            Assert.Equal(before.Select(r => r.Values[0]), after.Select(r => r.Values[0]));
            Assert.InRange(before.Count(), least + 1, Batches + 1);
            Assert.Equal(readings.OrderBy(r => r.Time), readings);
            reads++;
        }

        await writing;
        Assert.True(reads > 10);

        // Two readings of each sensor, a day apart: both pages change with each commit.
        Task WriteAsync(int number)
        {
            var batch = new ReadingBatch(["temperature", "humidity"]);
            for (var sensor = 0; sensor < 4; sensor++)
            {
                foreach (var day in (Instant[])[Days.From, Midnight])
                {
                    batch.Add($"s{sensor}", day + (step * (1 + number)), [number, 1]);
                }
            }

            return _store.WriteAsync(batch, Token);
        }
    }

    [Fact]
    public async Task What_comes_late_replaces_or_is_dropped_is_seen_by_the_next_read()
    {
        await WriteAsync(("a", 10, 1), ("b", 10, 2));
        Assert.Equal("a@10=1", await TextAsync("a"));
        Assert.Equal("b@10=2", await TextAsync("b"));
        await WriteAsync(("a", 20, 3));
        Assert.Equal("a@10=1 a@20=3", await TextAsync("a"));
        await WriteAsync(("a", 15, 4));
        Assert.Equal("a@10=1 a@15=4 a@20=3", await TextAsync("a"));
        await WriteAsync(("a", 15, 5), ("c", 1, 6), ("a", 21, 7));
        Assert.Equal("a@10=1 a@15=5 a@20=3 a@21=7", await TextAsync("a"));
        Assert.Equal("c@1=6", await TextAsync("c"));
        Assert.Equal("b@10=2", await TextAsync("b"));
        await _store.DisposeAsync();
        _store = await _fixture.OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(2) }, Token);
        Assert.Equal("a@10=1 a@15=5 a@20=3 a@21=7", await TextAsync("a"));
        _fixture.Clock.Advance(TimeSpan.FromDays(6));
        await _store.RetainAsync(Token);
        Assert.Equal("", await TextAsync("a"));
    }

    [Fact]
    public async Task A_day_that_is_too_large_for_a_page_is_read_all_the_same()
    {
        const int Many = 120_000;
        var batch = new ReadingBatch(["temperature", "humidity"], Many);
        for (var i = 0; i < Many; i++)
        {
            batch.Add("a", Midnight + TimeSpan.FromSeconds(i / 2.0), [i, double.NaN]);
        }

        await _store.WriteAsync(batch, Token);
        await WriteAsync(("b", 5, 1));
        for (var round = 0; round < 2; round++)
        {
            var from = Midnight + TimeSpan.FromHours(3);
            var readings = await _store.RawAsync("a", new TimeRange(from, from + TimeSpan.FromSeconds(1)), Token);
            Assert.Equal([21_600, 21_601], readings.Select(r => r.Values[0]));
            Assert.Equal("b@5=1", await TextAsync("b"));
        }
    }

    private Task WriteAsync(params (string Sensor, int Minute, double Value)[] readings)
    {
        var batch = new ReadingBatch(["temperature", "humidity"]);
        foreach (var (sensor, minute, value) in readings)
        {
            batch.Add(sensor, Midnight + TimeSpan.FromMinutes(minute), [value, double.NaN]);
        }

        return _store.WriteAsync(batch, Token);
    }

    private async Task<string> TextAsync(string sensor) => string.Join(
        ' ',
        (await _store.RawAsync(sensor, Days, Token)).Select(r => $"{r.SensorId}@{(r.Time - Midnight).TotalMinutes}={r.Values[0]}"));
}
