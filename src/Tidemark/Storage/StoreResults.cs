namespace Tidemark.Storage;

/// <summary>What became of a batch. A reading that stands twice in the batch counts once, except in an append-only store.</summary>
public readonly record struct WriteResult(long Written, long Replaced, long Unchanged)
{
    /// <summary>
    /// Whether the store adds every reading, one that it already has too: sending again is not safe there without <see
    /// cref="ReadingBatch.ImportId"/>.
    /// </summary>
    public bool AppendOnly { get; init; }

    /// <summary>Readings that the store did not take.</summary>
    public long Refused { get; init; }

    /// <summary>Which those are, ascending; null when there are none. A sum keeps those of the first result that has any.</summary>
    public IReadOnlyList<RefusedReading>? Refusals { get; init; }

    public WriteResult Refuse(IReadOnlyList<RefusedReading> readings)
        => readings.Count == 0 ? this : this with { Refused = readings.Count, Refusals = readings };

    public static WriteResult operator +(WriteResult a, WriteResult b)
        => new(a.Written + b.Written, a.Replaced + b.Replaced, a.Unchanged + b.Unchanged)
        {
            AppendOnly = a.AppendOnly || b.AppendOnly,
            Refused = a.Refused + b.Refused,
            Refusals = a.Refusals ?? b.Refusals,
        };
}

/// <param name="Row">Its place in the batch, from 0.</param>
/// <param name="Error">Why, in one line.</param>
public sealed record RefusedReading(int Row, string Error)
{
    public static RefusedReading OfNewSensor(int row)
        => new(row, "the sensor is new, and the store has as many sensors as the setting max_sensors allows");
}

/// <param name="Metric">What is configured of it.</param>
/// <param name="FirstSeen">When a reading with a value of it was first written; null when none was, or before stores note it.</param>
/// <param name="Sensors">How many sensors ever sent it.</param>
public sealed record MetricInfo(Metric Metric, Instant? FirstSeen, int Sensors);

/// <param name="SensorId">See <see cref="Readings.SensorId"/>.</param>
/// <param name="LastReading">The latest event time.</param>
/// <param name="TotalReadings">The readings counted by the finest aggregate with its tail: raw retention doesn't lower it.</param>
public sealed record SensorInfo(string SensorId, Instant LastReading, long TotalReadings);

/// <param name="SensorId">One sensor, or null for all.</param>
/// <param name="Range">Selects by time.</param>
public sealed record RawQuery(string? SensorId, TimeRange Range)
{
    /// <summary>
    /// The metrics of the answer, in its order; null for the configured ones and those that the sensor ever sent, or all of the store.
    /// </summary>
    public IReadOnlyList<string>? Metrics { get; init; }
}

/// <param name="Aggregate">Its name.</param>
/// <param name="SensorId">One sensor, or null for all.</param>
/// <param name="Range">Selects by bucket start.</param>
/// <param name="FromRaw">Compute the same rows from raw readings instead, materialised ones ignored.</param>
public sealed record AggregateQuery(string Aggregate, string? SensorId, TimeRange Range, bool FromRaw = false)
{
    /// <inheritdoc cref="RawQuery.Metrics"/>
    /// <remarks>Metrics that are named leave extra columns out.</remarks>
    public IReadOnlyList<string>? Metrics { get; init; }

    /// <summary>
    /// Give the columns that averages are made of, <see cref="AggregateDefinition.PartialColumns"/>, so that rows can be added up to
    /// coarser buckets. Extra columns are left out.
    /// </summary>
    public bool Partials { get; init; }
}

/// <summary>An open read of an aggregate: enumerate it once, dispose it always.</summary>
/// <param name="watermark">The exclusive end of the last materialised bucket that holds a row; null when there is none.</param>
/// <param name="pending">Whether a late write touched the range and is not refreshed yet.</param>
/// <param name="columns">The names of a row's values.</param>
/// <param name="rows">The rows, in batches.</param>
/// <param name="dispose">Lets go of what the read holds.</param>
public sealed class AggregateReader(
    Instant? watermark,
    bool pending,
    IReadOnlyList<string> columns,
    IAsyncEnumerable<AggregateBatch> rows,
    Func<ValueTask> dispose) : IAsyncDisposable
{
    public Instant? Watermark { get; } = watermark;

    public bool Pending { get; } = pending;

    /// <summary>The largest bucket end that retention dropped from what is read; null when it dropped nothing.</summary>
    public Instant? Horizon { get; init; }

    /// <summary>See <see cref="AggregateDefinition.Columns"/> and <see cref="AggregateDefinition.PartialColumns"/>.</summary>
    public IReadOnlyList<string> Columns { get; } = columns;

    public IAsyncEnumerable<AggregateBatch> Rows { get; } = rows;

    public ValueTask DisposeAsync() => dispose();
}

/// <param name="Aggregate">Gives the bucket width.</param>
/// <param name="Metric">The metric that is averaged.</param>
/// <param name="Range">Selects by bucket start.</param>
/// <param name="FromRaw">Compute from raw readings instead of the aggregate.</param>
public sealed record FleetQuery(string Aggregate, string Metric, TimeRange Range, bool FromRaw = false);

/// <param name="Bucket">The bucket's start.</param>
/// <param name="Average">Over all non-null values of all sensors; null when there is none.</param>
/// <param name="ReadingCount">All readings, nulls included.</param>
public sealed record FleetPoint(Instant Bucket, double? Average, long ReadingCount);

/// <summary>One step of a long operation.</summary>
/// <param name="Step">What is being done, for people.</param>
/// <param name="Fraction">0 to 1.</param>
public readonly record struct StoreProgress(string Step, double Fraction);

/// <param name="Aggregate">Its name.</param>
/// <param name="New">The closed range above the watermark that would be materialised; null when there is none.</param>
/// <param name="InvalidBuckets">Buckets below the watermark, one per sensor, that late writes touched and that would be written
/// again.</param>
public sealed record RefreshPlan(string Aggregate, TimeRange? New, long InvalidBuckets);

/// <param name="Aggregate">Its name.</param>
/// <param name="RowsWritten">Rows (one per sensor and bucket) that were materialised, new and again.</param>
/// <param name="Watermark">After the refresh.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record RefreshResult(string Aggregate, long RowsWritten, Instant? Watermark, TimeSpan Elapsed);

/// <param name="Chunks">Chunks that were rewritten.</param>
/// <param name="BytesBefore">Their size before, 0 where the engine can't tell.</param>
/// <param name="BytesAfter">Their size after.</param>
public sealed record CompressResult(int Chunks, long BytesBefore, long BytesAfter);

/// <param name="ChunksDropped">Chunk intervals of raw that held readings.</param>
/// <param name="ReadingsDropped">The readings in them.</param>
/// <param name="BucketsDropped">Rows of aggregates.</param>
/// <param name="RawHorizon">Afterwards.</param>
public sealed record RetainResult(int ChunksDropped, long ReadingsDropped, long BucketsDropped, Instant? RawHorizon);

/// <param name="Aggregate">Its name.</param>
/// <param name="SensorId">The bucket's sensor.</param>
/// <param name="Bucket">The bucket's start.</param>
/// <param name="Difference">What differs, for people, such as <c>max_temperature 21.5, from raw 22</c>.</param>
public sealed record BucketDifference(string Aggregate, string SensorId, Instant Bucket, string Difference);

/// <param name="BucketsChecked">Rows compared, pending ones left out.</param>
/// <param name="BucketsPending">Rows below a watermark that wait for a refresh after a late write.</param>
/// <param name="DifferenceCount">Rows that differ from raw.</param>
/// <param name="Differences">The first thousand of them.</param>
public sealed record VerifyReport(
    long BucketsChecked,
    long BucketsPending,
    long DifferenceCount,
    IReadOnlyList<BucketDifference> Differences);
