namespace Tidemark.Store.Tests.Conformance;

/// <summary>What a reference store keeps while it is closed.</summary>
internal sealed class ReferenceState
{
    public TelemetrySchema? Schema { get; set; }

    /// <summary>All that were ever configured, each after its source: an aggregate that no longer is stays, and is kept up.</summary>
    public List<AggregateDefinition> Definitions { get; set; } = [];

    public TimeSpan ChunkInterval { get; set; }

    public SortedDictionary<(Instant Time, string SensorId), Reading> Readings { get; private init; } = [];

    public Dictionary<string, Reading> Latest { get; private init; } = [];

    public HashSet<Instant> CompressedChunks { get; private init; } = [];

    public Dictionary<string, ReferenceAggregate> Aggregates { get; private init; } = [];

    /// <summary>What each write that changed something wrote.</summary>
    public List<(Instant Time, string SensorId)[]> Commits { get; private init; } = [];

    public Instant? RawHorizon { get; set; }

    /// <summary>The metrics that the store ever got and still has, in that order.</summary>
    public List<string> Metrics { get; private init; } = [];

    public Dictionary<string, Instant> FirstSeen { get; private init; } = [];

    /// <summary>By sensor the metrics that it ever sent.</summary>
    public Dictionary<string, HashSet<string>> Sent { get; private init; } = [];

    public Dictionary<string, string> Documents { get; private init; } = new(StringComparer.Ordinal);

    public ReferenceState Clone() => new()
    {
        Documents = new(Documents, StringComparer.Ordinal),
        Schema = Schema,
        Definitions = Definitions,
        ChunkInterval = ChunkInterval,
        Readings = new(Readings),
        Latest = new(Latest),
        CompressedChunks = [.. CompressedChunks],
        Aggregates = Aggregates.ToDictionary(a => a.Key, a => a.Value.Clone()),
        Commits = [.. Commits],
        RawHorizon = RawHorizon,
        Metrics = [.. Metrics],
        FirstSeen = new(FirstSeen),
        Sent = Sent.ToDictionary(s => s.Key, s => s.Value.ToHashSet()),
    };
}

/// <summary>What is kept of one aggregate.</summary>
internal sealed class ReferenceAggregate
{
    public SortedDictionary<(Instant Bucket, string SensorId), ReferenceRow> Rows { get; private set; } = [];

    /// <summary>Materialised buckets that a late write touched.</summary>
    public HashSet<(Instant Bucket, string SensorId)> Invalid { get; private init; } = [];

    public Instant? Watermark { get; set; }

    public Instant? Horizon { get; set; }

    public Instant? LastRefresh { get; set; }

    public void MoveMetrics(int[] places) => Rows = new(Rows.ToDictionary(r => r.Key, r => r.Value.WithMetrics(places)));

    public ReferenceAggregate Clone() => new()
    {
        Rows = new(Rows),
        Invalid = [.. Invalid],
        Watermark = Watermark,
        Horizon = Horizon,
        LastRefresh = LastRefresh,
    };
}
