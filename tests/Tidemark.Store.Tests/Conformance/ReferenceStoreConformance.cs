namespace Tidemark.Store.Tests.Conformance;

// The oracle passes the suites itself.
public sealed class ReferenceWrite() : WriteSuite(new ReferenceFixture());

public sealed class ReferenceTime() : TimeSuite(new ReferenceFixture());

public sealed class ReferenceRefresh() : RefreshSuite(new ReferenceFixture());

public sealed class ReferenceAggregateRead() : AggregateReadSuite(new ReferenceFixture());

public sealed class ReferenceSeries() : SeriesSuite(new ReferenceFixture());

public sealed class ReferenceRawRead() : RawReadSuite(new ReferenceFixture());

public sealed class ReferenceHistory() : HistorySuite(new ReferenceFixture());

public sealed class ReferenceCompression() : CompressionSuite(new ReferenceFixture());

public sealed class ReferenceSchema() : SchemaSuite(new ReferenceFixture());

public sealed class ReferenceMetrics() : MetricSuite(new ReferenceFixture());

public sealed class ReferenceDocuments() : DocumentSuite(new ReferenceFixture());

public sealed class ReferenceMerge() : MergeSuite(new ReferenceFixture());

public sealed class ReferenceLive() : LiveSuite(new ReferenceFixture());
