using System.Globalization;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    private const long BlockBytes = 256 * 1024;

    /// <summary>None: an embedded store works when it is called.</summary>
    public Task<IReadOnlyList<JobStatus>> ReadJobsAsync(CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<JobStatus>>([]);

    public Task<StoreStatus> ReadStatusAsync(CancellationToken cancellationToken) => ReadThread(
        (session, state) =>
        {
            var chunks = state.Chunks
                .Select(c => new ChunkStatus(c.Table, c.Range, Count(session, c), StoredBytes(session, c), c.Compressed))
                .ToList();
            var aggregates = state.Aggregates.Where(a => Schema.HasAggregate(a.Definition.Name)).Select(a => new AggregateStatus(
                a.Definition.Name,
                a.Definition.Table,
                a.Definition.Bucket.ToString(),
                a.Definition.Source?.Name ?? TelemetrySchema.RawTable,
                Long(session, $"SELECT count(*) FROM {DuckDbSql.Table(a.Definition)}"),
                a.Watermark,
                Long(session, "SELECT count(*) FROM (SELECT DISTINCT sensor, bucket FROM internal.invalidations WHERE aggregate = "
                    + $"'{a.Definition.Name}')"),
                _lastRefresh.TryGetValue(a.Definition.Name, out var refreshed) ? refreshed : null)
            {
                AheadOfClock = a.Watermark > Now,
            }).ToList();
            var compressed = state.Chunks.Zip(chunks).Where(c => c.First.Compressed).ToList();
            var hypertable = new HypertableStatus(
                TelemetrySchema.RawTable,
                chunks.Sum(c => c.Rows),
                chunks.Count,
                compressed.Count,
                compressed.Sum(c => c.First.BytesBefore),
                compressed.Sum(c => c.Second.Bytes));
            var free = Long(
                session,
                "SELECT free_blocks * block_size FROM pragma_database_size() WHERE database_name = current_database()");
            return new StoreStatus(
                $"DuckDB {session.Scalar("SELECT version()")}",
                $"duckdb:{_folder}",
                [hypertable],
                chunks,
                aggregates,
                [],
                _sensors.Count,
                new DirectoryInfo(_folder).EnumerateFiles(Path.GetFileName(_file) + "*").Sum(f => f.Length),
                free,
                state.RawHorizon);
        },
        cancellationToken);

    private static long Count(Session session, Chunk chunk) => Long(session, $"SELECT count(*) FROM {chunk.Table}");

    private static long Count(Session session, Chunk chunk, TimeRange range)
        => Long(session, $"SELECT count(*) FROM {chunk.Table} WHERE {DuckDbSql.WithinTime(range)}");

    /// <summary>The blocks of the file that hold the chunk; those shared with other tables count here too.</summary>
    private static long StoredBytes(Session session, Chunk chunk)
        => BlockBytes * Long(
            session,
            $"SELECT count(DISTINCT block_id) FROM pragma_storage_info('{chunk.Table}') WHERE persistent AND block_id >= 0");

    private static long Long(Session session, string sql) => Convert.ToInt64(session.Scalar(sql), CultureInfo.InvariantCulture);
}
