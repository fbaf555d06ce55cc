using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

public sealed class DuckDbWrite() : WriteSuite(new DuckDbFixture());

public sealed class DuckDbTime() : TimeSuite(new DuckDbFixture());

public sealed class DuckDbRefresh() : RefreshSuite(new DuckDbFixture());

public sealed class DuckDbAggregateRead() : AggregateReadSuite(new DuckDbFixture());

public sealed class DuckDbRawRead() : RawReadSuite(new DuckDbFixture());

public sealed class DuckDbHistory() : HistorySuite(new DuckDbFixture());

public sealed class DuckDbCompression() : CompressionSuite(new DuckDbFixture());

public sealed class DuckDbSchema() : SchemaSuite(new DuckDbFixture());
public sealed class DuckDbRandom() : RandomSequences(() => new DuckDbFixture(), 1000);
