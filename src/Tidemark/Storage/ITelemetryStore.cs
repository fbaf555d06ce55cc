namespace Tidemark.Storage;

/// <summary>
/// Where readings live and aggregates are kept: the one contract of every engine (docs/store-contract.md). Times are
/// UTC in microseconds, ranges half-open. Every member may throw <see cref="StoreException"/>; none lets a driver's
/// exception out. Instances are safe for concurrent use.
/// </summary>
public interface ITelemetryStore : IAsyncDisposable
{
    /// <summary>The aggregates as configured, and all metrics that the store has now.</summary>
    TelemetrySchema Schema { get; }

    /// <summary>Creates or upgrades everything; re-runnable.</summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.SchemaMismatch"/> when what is stored can't be reconciled with the
    /// schema, the difference named.</exception>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Writes validated readings. Durable when it returns; when it throws, nothing of the batch is visible. Identity is
    /// (sensor, time): the same values change nothing, other values replace the whole reading or, by <see cref="ReadingBatch.Mode"/>, add
    /// to it; the last of a batch wins.
    /// An append-only store, whose answer says so, adds every reading instead, and a batch with an <see cref="ReadingBatch.ImportId"/>
    /// once. A metric that the store doesn't have is added with its first value. Readings of new sensors or metrics beyond those that the
    /// store may have are refused, and the others written: the answer tells which.
    /// </summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.OlderThanRetention"/> when a reading lies before the raw
    /// horizon.</exception>
    Task<WriteResult> WriteAsync(ReadingBatch batch, CancellationToken cancellationToken);

    /// <summary>The largest chunk end ever dropped: readings before it are refused. Null when nothing was dropped.</summary>
    Task<Instant?> ReadRawHorizonAsync(CancellationToken cancellationToken);

    /// <summary>Streams every sensor that ever wrote, in the order of <see cref="SensorId.Order"/>, from one snapshot.</summary>
    IAsyncEnumerable<SensorInfo> ReadSensorsAsync(CancellationToken cancellationToken);

    /// <summary>The last reading by event time, with the metrics that answers of the sensor have: a batch of one.</summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.UnknownSensor"/>.</exception>
    Task<ReadingBatch> ReadCurrentAsync(string sensorId, CancellationToken cancellationToken);

    /// <summary>
    /// Streams the last readings of all sensors, in the order of <see cref="SensorId.Order"/>, with all metrics of the store. Each is the
    /// sensor's last one at some time of the read.
    /// </summary>
    IAsyncEnumerable<ReadingBatch> ReadAllCurrentAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Streams readings of one sensor ascending by time, or of all (null) in no particular order, from one snapshot.
    /// Batches are new ones, the caller's to keep, all of the same metrics.
    /// </summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.UnknownSensor"/>, or <see cref="StoreErrorKind.Invalid"/> for a metric
    /// that the store doesn't have, before the first batch.</exception>
    IAsyncEnumerable<ReadingBatch> ReadRawAsync(RawQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Opens a read of an aggregate: materialised buckets, then the tail that is not materialised yet, computed from the
    /// aggregate's source. Rows ascend by bucket for one sensor and have no particular order for all.
    /// </summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.UnknownSensor"/>,
    /// <see cref="StoreErrorKind.UnknownAggregate"/>, or <see cref="StoreErrorKind.Invalid"/> for an unknown metric.</exception>
    Task<AggregateReader> ReadAggregateAsync(AggregateQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Streams one metric's average per bucket over all sensors together, ascending, from one snapshot: the exercise's Query 1 and 2.
    /// </summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.UnknownAggregate"/>, or <see cref="StoreErrorKind.Invalid"/> for an
    /// unknown metric, before the first point.</exception>
    IAsyncEnumerable<FleetPoint> ReadFleetAsync(FleetQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Listens to what is committed from now on, whoever writes: each reading that is new or has other values now, soon after its commit.
    /// It outlives lost connections.
    /// </summary>
    Task<CommitSubscription> SubscribeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// What was committed after a position, read from the store: at least those readings, with the values that they have now. The store
    /// remembers a bounded number of commits and says when it knows less.
    /// </summary>
    Task<CommitsSince> ReadCommitsAsync(CommitQuery query, CancellationToken cancellationToken);

    /// <summary>What <see cref="RefreshAsync"/> would do now, sources first.</summary>
    Task<IReadOnlyList<RefreshPlan>> PlanRefreshAsync(string aggregate, TimeRange? range, CancellationToken cancellationToken);

    /// <summary>
    /// Materialises what is invalid or new, the aggregate's sources first, and nothing else. A range is widened to
    /// whole buckets and reaches back to the watermark, so that no hole is left behind it; null means everything pending.
    /// Safe to run twice, at once or to be killed half-way.
    /// </summary>
    Task<IReadOnlyList<RefreshResult>> RefreshAsync(
        string aggregate,
        TimeRange? range,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken);

    /// <summary>Compresses the closed chunks that are older than the configured age; changes no answer.</summary>
    Task<CompressResult> CompressAsync(IProgress<StoreProgress>? progress, CancellationToken cancellationToken);

    /// <summary>
    /// Drops whole chunks and buckets that are older than their retention, once everything built from them is
    /// materialised: it refreshes first and leaves what is not.
    /// </summary>
    Task<RetainResult> RetainAsync(CancellationToken cancellationToken);

    /// <summary>Every metric that the store has: the configured ones in their order, then others as they came.</summary>
    Task<IReadOnlyList<MetricInfo>> ListMetricsAsync(CancellationToken cancellationToken);

    /// <summary>Adds those that the store doesn't have yet.</summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.Invalid"/> for a name that no metric can have, or too many.</exception>
    Task AddMetricsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken);

    /// <summary>Takes a metric away with all its values; readings stay.</summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.Invalid"/> when there is none of that name, or it is
    /// configured.</exception>
    Task RemoveMetricAsync(string name, CancellationToken cancellationToken);

    /// <summary>Small texts that are kept beside readings, in the order of their names (<see cref="SensorId.Order"/>).</summary>
    /// <param name="prefix">What their names begin with.</param>
    /// <param name="after">Names behind it; empty for the first.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    Task<IReadOnlyList<StoredDocument>> ReadDocumentsAsync(string prefix, string after, int limit, CancellationToken cancellationToken);

    /// <summary>Writes texts and takes away those without one, all of it or nothing; durable when it returns.</summary>
    /// <param name="documents">Of those of one name the last counts.</param>
    /// <param name="expected">Nothing is written unless this document is as told; null for no condition.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <returns>Whether it was as expected.</returns>
    Task<bool> WriteDocumentsAsync(IReadOnlyList<StoredDocument> documents, StoredDocument? expected, CancellationToken cancellationToken);

    Task<StoreStatus> ReadStatusAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The maintenance that the store itself schedules, as its status tells it, at the cost of this alone; none where somebody else calls
    /// for it.
    /// </summary>
    Task<IReadOnlyList<JobStatus>> ReadJobsAsync(CancellationToken cancellationToken);

    /// <summary>Recomputes aggregates from raw readings and reports every bucket that differs.</summary>
    /// <param name="aggregate">One aggregate, or null for all.</param>
    Task<VerifyReport> VerifyAsync(string? aggregate, IProgress<StoreProgress>? progress, CancellationToken cancellationToken);
}
