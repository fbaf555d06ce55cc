using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

public sealed class DuckDbWrite() : WriteSuite(new DuckDbFixture());

public sealed class DuckDbTime() : TimeSuite(new DuckDbFixture());

public sealed class DuckDbRefresh() : RefreshSuite(new DuckDbFixture());

public sealed class DuckDbAggregateRead() : AggregateReadSuite(new DuckDbFixture());

public sealed class DuckDbSeries() : SeriesSuite(new DuckDbFixture());

public sealed class DuckDbRawRead() : RawReadSuite(new DuckDbFixture())
{
    private const int Many = 100_000;

    /// <summary>However dense the readings are, no batch holds more than 131,072 values.</summary>
    [Theory]
    [InlineData(1), InlineData(600_000_000)]
    public async Task One_sensors_readings_come_in_bounded_batches(long stepMicros)
    {
        var first = Start.Micros - ((Many + 1) * stepMicros);
        foreach (var odd in (int[])[1, 0])
        {
            await WriteAsync(Enumerable.Range(0, Many).Where(i => i % 2 == odd)
                .Select(i => new Reading(new Instant(first + (i * stepMicros)), "a", [i, double.NaN])));
        }

        var (next, largest) = (0, 0);
        await foreach (var batch in Store.ReadRawAsync(new RawQuery("a", TimeRange.All), Token))
        {
            largest = Math.Max(largest, batch.Count);
            for (var row = 0; row < batch.Count; row++, next++)
            {
                Assert.Equal((first + (next * stepMicros), (double)next), (batch.TimesMicros[row], batch.Metric(0)[row]));
            }
        }

        Assert.Equal(Many, next);
        Assert.InRange(largest, 1, 131_072 / 3);
    }
}


public sealed class DuckDbHistory() : HistorySuite(new DuckDbFixture());

public sealed class DuckDbCompression() : CompressionSuite(new DuckDbFixture());

public sealed class DuckDbSchema() : SchemaSuite(new DuckDbFixture());

public sealed class DuckDbMetrics() : MetricSuite(new DuckDbFixture());

public sealed class DuckDbDocuments() : DocumentSuite(new DuckDbFixture());

public sealed class DuckDbMerge() : MergeSuite(new DuckDbFixture());

public sealed class DuckDbLive() : LiveSuite(new DuckDbFixture());

public sealed class DuckDbRandom() : RandomSequences(() => new DuckDbFixture(), 50, 500);

/// <summary>Chunks are divided and put together all the time, and pages in memory let go.</summary>
public sealed class DuckDbRandomCrowded() : RandomSequences(() => new DuckDbFixture { SharedReadings = 6, PageBytes = 4096 }, 50, 500);
