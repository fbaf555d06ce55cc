using System.Net;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Configuration;

/// <summary>
/// Everything that can be configured, bound once by <see cref="OptionsLoader"/> and complete with no file at all.
/// Durations are typed text: a whole number and <c>s</c>, <c>min</c>, <c>h</c>, <c>d</c> or <c>w</c>; sizes likewise with <c>KiB</c>,
/// <c>MiB</c> or <c>GiB</c>.
/// </summary>
public sealed record TidemarkOptions
{
    public const int DefaultMaxSensors = 1_000_000;
    public const int DefaultMaxMetrics = 200;

    /// <summary>The store's URI. Default <c>duckdb:./tidemark-data</c>.</summary>
    public required StoreUri Store { get; init; }

    public required TelemetrySchema Schema { get; init; }

    /// <summary>The time a chunk of raw readings spans. Default 7 days.</summary>
    public required TimeSpan ChunkInterval { get; init; }

    /// <summary>How long after its end a chunk is compressed. Default 7 days; null never.</summary>
    public TimeSpan? CompressAfter { get; init; }

    /// <summary>How long raw readings are kept, by whole chunks. Default null: for ever.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>How far ahead of the server's clock a reading may be. Default 1 hour.</summary>
    public required TimeSpan MaxSkew { get; init; }

    /// <summary>After which silence a sensor is stale. Default null: after three times what is usual for it.</summary>
    public TimeSpan? StaleAfter { get; init; }

    /// <summary>Readings before it are refused. Default 1900-01-01T00:00:00Z.</summary>
    public Instant OldestTime { get; init; } = Instant.Utc(1900, 1, 1);

    /// <summary>What times of readings that are numbers count. Default null: milliseconds, if that gives a time since 1990.</summary>
    public TimeUnit? TimeUnit { get; init; }

    /// <summary>How many sensors the store may have: readings of new ones beyond are refused. Default 1,000,000.</summary>
    public int MaxSensors { get; init; } = DefaultMaxSensors;

    /// <summary>What becomes of a metric in a reading that the store doesn't have. Default add.</summary>
    public NewMetrics NewMetrics { get; init; } = NewMetrics.Add;

    /// <summary>How many metrics the store may have. Default 200.</summary>
    public int MaxMetrics { get; init; } = DefaultMaxMetrics;

    /// <summary>How lines of line protocol name sensors and metrics.</summary>
    public LineNaming LineNaming { get; init; } = LineNaming.Default;

    /// <summary>Whether aggregate answers add the tail that is not materialised yet. Default true.</summary>
    public bool RealTime { get; init; } = true;

    /// <summary>Who refreshes, compresses and drops. Default the database where it has jobs of its own, else the server.</summary>
    public MaintenanceOwner Maintenance { get; init; } = MaintenanceOwner.Server;

    /// <summary>
    /// The API key for a store that is a server, <c>http(s)://…</c>. A secret: it belongs into the environment, as <c>TIDEMARK_KEY</c>.
    /// </summary>
    public string? Key { get; init; }

    /// <summary>
    /// Whether every reading is added without looking for one of the same sensor and time: the fastest bulk loads, for data that is never
    /// sent twice.
    /// Default false; TimescaleDB alone.
    /// </summary>
    public bool AppendOnly { get; init; }

    /// <summary>
    /// What <c>init</c> appends to the name of an aggregate made by SQL that raw readings no longer give. Default null: it refuses.
    /// </summary>
    public string? KeepAggregatesAs { get; init; }

    public required ScheduleOptions Schedule { get; init; }

    public required ServerOptions Server { get; init; }

    public MqttOptions Mqtt { get; init; } = new();

    public AlertOptions Alerts { get; init; } = new();
}

/// <summary>The one that runs maintenance by itself; whoever it is, commands still do it when asked.</summary>
public enum MaintenanceOwner
{
    /// <summary>The database's own jobs.</summary>
    Database,

    /// <summary>The schedule of <c>tidemark serve</c>.</summary>
    Server,

    /// <summary>Commands that something else runs, such as cron.</summary>
    External,
}

/// <summary>Cron expressions of five fields, in UTC; null for never.</summary>
public sealed record ScheduleOptions
{
    /// <summary>Default every minute: a refresh with nothing to do costs microseconds.</summary>
    public string? Refresh { get; init; } = "* * * * *";

    /// <summary>Default five past each hour.</summary>
    public string? Compress { get; init; } = "5 * * * *";

    /// <summary>Default twenty past each hour.</summary>
    public string? Retain { get; init; } = "20 * * * *";
}

public sealed record ServerOptions
{
    /// <summary>Where the server listens. Default <c>http://127.0.0.1:5000</c>.</summary>
    public string Urls { get; init; } = "http://127.0.0.1:5000";

    /// <summary>The file of API keys, hashed. Default <c>tidemark-keys.json</c> in the working directory.</summary>
    public string Keys { get; init; } = "tidemark-keys.json";

    /// <summary>The names, beside this machine's own, that a request may be for while there are no keys. Default none.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Whose pages a browser may let use the API, such as <c>https://dashboard.example.org</c>. Default none.</summary>
    public IReadOnlyList<string> Cors { get; init; } = [];

    /// <summary>Where proxies are whose word about a client's address is taken. Default none.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>The largest request body in bytes. Default 64 MiB.</summary>
    public long MaxBody { get; init; } = 64L << 20;

    /// <summary>The longest line of NDJSON in bytes. Default 64 KiB.</summary>
    public int MaxLine { get; init; } = 64 << 10;

    /// <summary>The most rows one answer holds. Default 1,000,000.</summary>
    public int MaxRows { get; init; } = 1_000_000;

    /// <summary>How many ranges are read at once. Default 64.</summary>
    public int HeavyReads { get; init; } = 64;

    /// <summary>How many more may wait for that. Default 1,000.</summary>
    public int WaitingReads { get; init; } = 1000;

    /// <summary>How many clients may listen to readings at once. Default 2,000.</summary>
    public int LiveClients { get; init; } = 2000;

    /// <summary>How many bytes of bodies that are not durable yet are held at once. Default 256 MiB.</summary>
    public long WriteMemory { get; init; } = 256L << 20;

    /// <summary>How many more writes may wait for that. Default 1,000.</summary>
    public int WaitingWrites { get; init; } = 1000;

    /// <summary>
    /// How long a request may take, answer included; not NDJSON that is written, exports and maintenance. Default 5 minutes; null for ever.
    /// </summary>
    public TimeSpan? RequestTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a server that is told to stop answers new requests still, while it says that it isn't ready. Default null: not at all.
    /// </summary>
    public TimeSpan? Drain { get; init; }

    /// <summary>How long requests that run then may take to end. Default 25 seconds.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>How long a connection may stay open without a request. Default 2 minutes.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a request's headers may take to arrive. Default 30 seconds.</summary>
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The bytes a second that a body or an answer has to make after its first five seconds. Default 240.</summary>
    public int MinRate { get; init; } = 240;
}
