using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.Http;

public sealed class HttpWrite() : WriteSuite(new HttpFixture());

public sealed class HttpTime() : TimeSuite(new HttpFixture());

public sealed class HttpRefresh() : RefreshSuite(new HttpFixture());

public sealed class HttpAggregateRead() : AggregateReadSuite(new HttpFixture());

public sealed class HttpSeries() : SeriesSuite(new HttpFixture());

public sealed class HttpRawRead() : RawReadSuite(new HttpFixture());

public sealed class HttpHistory() : HistorySuite(new HttpFixture());

public sealed class HttpCompression() : CompressionSuite(new HttpFixture());

public sealed class HttpSchema() : SchemaSuite(new HttpFixture());

public sealed class HttpMetrics() : MetricSuite(new HttpFixture());

public sealed class HttpDocuments() : DocumentSuite(new HttpFixture());

public sealed class HttpMerge() : MergeSuite(new HttpFixture());

public sealed class HttpLive() : LiveSuite(new HttpFixture());

public sealed class HttpRandom() : RandomSequences(() => new HttpFixture(), 10, 100);
