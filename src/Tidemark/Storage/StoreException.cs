namespace Tidemark.Storage;

public enum StoreErrorKind
{
    /// <summary>No sensor has that id.</summary>
    UnknownSensor,

    /// <summary>No aggregate has that name.</summary>
    UnknownAggregate,

    /// <summary>A reading lies before the raw horizon.</summary>
    OlderThanRetention,

    /// <summary>The store's schema and the configured one can't be reconciled.</summary>
    SchemaMismatch,

    /// <summary>The file or database is not Tidemark's, or is damaged.</summary>
    NotAStore,

    /// <summary>Another process has the store open.</summary>
    InUse,

    /// <summary>The store can't be written: read-only, no permission or disk full.</summary>
    NotWritable,

    /// <summary>The store can't answer now.</summary>
    Unavailable,

    /// <summary>What was asked can't be done as asked.</summary>
    Invalid,
}

/// <summary>A store's failure in the domain's words: one line that says what is wrong and what to do.</summary>
public sealed class StoreException(StoreErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public StoreErrorKind Kind { get; } = kind;

    /// <summary>Whether the same call may succeed later without anybody changing it.</summary>
    public bool IsTransient => Kind is StoreErrorKind.Unavailable or StoreErrorKind.InUse;

    public static StoreException UnknownSensor(string sensorId)
        => new(StoreErrorKind.UnknownSensor, $"there is no sensor '{sensorId}'");

    public static StoreException UnknownAggregate(string name, TelemetrySchema schema)
        => new(StoreErrorKind.UnknownAggregate, $"there is no aggregate '{name}'; there are {string.Join(", ", schema.Aggregates)}");

    public static StoreException UnknownMetric(string name, TelemetrySchema schema)
        => new(StoreErrorKind.Invalid, $"there is no metric '{name}'; there are {string.Join(", ", schema.Metrics.Select(m => m.Name))}");

    /// <param name="store">For people.</param>
    public static StoreException OtherSettings(string store)
        => new(StoreErrorKind.SchemaMismatch, $"another process has opened {store} with other settings meanwhile: run this again");

    public static StoreException OlderThanRetention(Instant time, Instant horizon)
        => new(StoreErrorKind.OlderThanRetention, $"time {time} is older than retention, which reaches back to {horizon}");
}
