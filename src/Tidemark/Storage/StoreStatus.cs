namespace Tidemark.Storage;

/// <summary>What a store holds and how it is kept.</summary>
/// <param name="Engine">Its name and version.</param>
/// <param name="Location">Where the data is, without secrets.</param>
/// <param name="Hypertables">One today: <c>sensor_data</c>.</param>
/// <param name="Chunks">Ascending by time.</param>
/// <param name="Aggregates">In the schema's order.</param>
/// <param name="Jobs">Scheduled maintenance and how it last went.</param>
/// <param name="Sensors">How many.</param>
/// <param name="TotalBytes">Everything on disk, log and free space included.</param>
/// <param name="FreeBytes">Space inside the files that new data will use.</param>
/// <param name="RawHorizon">The largest chunk end ever dropped.</param>
public sealed record StoreStatus(
    string Engine,
    string Location,
    IReadOnlyList<HypertableStatus> Hypertables,
    IReadOnlyList<ChunkStatus> Chunks,
    IReadOnlyList<AggregateStatus> Aggregates,
    IReadOnlyList<JobStatus> Jobs,
    long Sensors,
    long TotalBytes,
    long FreeBytes,
    Instant? RawHorizon)
{
    /// <summary>Whether every reading is added, one that is there already too.</summary>
    public bool AppendOnly { get; init; }

    /// <summary>How readings come over HTTP; null while none did. Told by a server alone.</summary>
    public HttpIntakeStatus? Http { get; init; }

    /// <summary>How messages come by MQTT; null where none do. Told by a server alone.</summary>
    public MqttStatus? Mqtt { get; init; }

    /// <summary>Alerts; null where there are no rules. Told by a server alone.</summary>
    public AlertStatus? Alerts { get; init; }
}

/// <param name="Name">The table.</param>
/// <param name="Rows">Readings in it now.</param>
/// <param name="Chunks">How many.</param>
/// <param name="CompressedChunks">How many of them are compressed.</param>
/// <param name="BytesBeforeCompression">Of the compressed chunks, before.</param>
/// <param name="BytesAfterCompression">Of the compressed chunks, after.</param>
public sealed record HypertableStatus(
    string Name,
    long Rows,
    int Chunks,
    int CompressedChunks,
    long BytesBeforeCompression,
    long BytesAfterCompression);

public sealed record ChunkStatus(string Name, TimeRange Range, long Rows, long Bytes, bool Compressed);

/// <param name="Name">The aggregate's name.</param>
/// <param name="Table">Its view.</param>
/// <param name="Bucket">Its width, as configured.</param>
/// <param name="Source">What it is built from.</param>
/// <param name="Rows">Materialised rows.</param>
/// <param name="Watermark">The exclusive end of the last materialised bucket that holds a row.</param>
/// <param name="PendingInvalidations">Buckets, one per sensor, that late writes touched.</param>
/// <param name="LastRefresh">When a refresh last finished, by the store's clock.</param>
public sealed record AggregateStatus(
    string Name, string Table, string Bucket, string Source, long Rows, Instant? Watermark, long PendingInvalidations,
    Instant? LastRefresh)
{
    /// <summary>Whether it is materialised beyond the store's clock, which was ahead: what is written there counts as late.</summary>
    public bool AheadOfClock { get; init; }
}

/// <param name="Name">refresh, compress or retain.</param>
/// <param name="Schedule">The cron expression, in UTC.</param>
/// <param name="LastRun">When it last began.</param>
/// <param name="LastOutcome">One line: what it did or why it failed.</param>
/// <param name="Failures">Failures since the process started.</param>
/// <param name="NextRun">When it runs next.</param>
/// <param name="State">Whether it does its work.</param>
public sealed record JobStatus(
    string Name, string Schedule, Instant? LastRun, string? LastOutcome, long Failures, Instant? NextRun, JobState State = JobState.Ok)
{
    /// <summary>Whether a job of a database has done nothing for several of its periods: a server does its work meanwhile.</summary>
    public bool Overdue { get; init; }
}

public enum JobState
{
    /// <summary>It runs as planned, or hasn't been due yet.</summary>
    Ok,

    /// <summary>Its last run failed; it is tried again.</summary>
    Failed,

    /// <summary>It was due and didn't run, or nobody lets it.</summary>
    Stopped,
}
