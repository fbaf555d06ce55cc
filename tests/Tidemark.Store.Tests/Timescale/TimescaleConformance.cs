using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.Timescale;

public sealed class TimescaleWrite() : WriteSuite(new TimescaleFixture());

public sealed class TimescaleTime() : TimeSuite(new TimescaleFixture());

public sealed class TimescaleRefresh() : RefreshSuite(new TimescaleFixture());

public sealed class TimescaleAggregateRead() : AggregateReadSuite(new TimescaleFixture());

public sealed class TimescaleSeries() : SeriesSuite(new TimescaleFixture());

public sealed class TimescaleRawRead() : RawReadSuite(new TimescaleFixture());

public sealed class TimescaleHistory() : HistorySuite(new TimescaleFixture());

public sealed class TimescaleCompression() : CompressionSuite(new TimescaleFixture());

public sealed class TimescaleSchema() : SchemaSuite(new TimescaleFixture());

public sealed class TimescaleDocuments() : DocumentSuite(new TimescaleFixture());

public sealed class TimescaleMerge() : MergeSuite(new TimescaleFixture());

public sealed class TimescaleLive() : LiveSuite(new TimescaleFixture());

public sealed class TimescaleMetrics() : MetricSuite(new TimescaleFixture());

/// <summary>What a server older than 2.28 does, as the one in WebAssembly is.</summary>
public sealed class TimescaleRebuiltMetrics() : MetricSuite(new TimescaleFixture { AddColumns = false })
{
    public override ValueTask InitializeAsync()
    {
        TimescaleDatabase.SkipWithoutServer();
        return base.InitializeAsync();
    }
}

public sealed class TimescaleRandom() : RandomSequences(() => new TimescaleFixture(), 10, 100);
