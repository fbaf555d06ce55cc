namespace Tidemark.Schema;

/// <summary>What a store holds: the metrics of a reading and the aggregates kept over them.</summary>
public sealed class TelemetrySchema
{
    public const string RawTable = "sensor_data";

    private readonly Dictionary<string, AggregateDefinition> _byName;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _places;

    /// <param name="metrics">The configured ones in their order, at least one, then those that were found in readings.</param>
    /// <param name="aggregates">Each after its source, at least one.</param>
    public TelemetrySchema(IReadOnlyList<Metric> metrics, IReadOnlyList<AggregateDefinition> aggregates)
    {
        Metrics = metrics;
        Aggregates = aggregates;
        Finest = aggregates.MinBy(a => a.Bucket.Approximate)
            ?? throw new ArgumentException("a schema has at least one aggregate", nameof(aggregates));
        _byName = aggregates.ToDictionary(a => a.Name, StringComparer.Ordinal);
        MetricNames = [.. metrics.Select(m => m.Name)];
        _places = MetricNames.Index().DistinctBy(m => m.Item).ToDictionary(m => m.Item, m => m.Index, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>As of now: a store's schema gains metrics, by a new one of these.</summary>
    public IReadOnlyList<Metric> Metrics { get; }

    public IReadOnlyList<string> MetricNames { get; }

    /// <summary>Every aggregate after the one it is built from.</summary>
    public IReadOnlyList<AggregateDefinition> Aggregates { get; }

    /// <summary>The aggregate with the narrowest buckets: readings are counted from it.</summary>
    public AggregateDefinition Finest { get; }

    /// <exception cref="StoreException">No aggregate has that name.</exception>
    public AggregateDefinition Aggregate(string name)
        => _byName.TryGetValue(name, out var aggregate) ? aggregate : throw StoreException.UnknownAggregate(name, this);

    public bool HasAggregate(string name) => _byName.ContainsKey(name);

    /// <returns>The metric's place, −1 when there is none of that name.</returns>
    public int MetricIndex(ReadOnlySpan<char> name) => _places.TryGetValue(name, out var place) ? place : -1;

    /// <summary>The same with the configured metrics alone.</summary>
    public TelemetrySchema Configured => With([.. Metrics.Where(m => m.IsConfigured)]);

    /// <summary>The same aggregates over other metrics.</summary>
    public TelemetrySchema With(IReadOnlyList<Metric> metrics) => new(metrics, Aggregates);

    public IEnumerable<AggregateDefinition> BuiltFrom(AggregateDefinition? source) => Aggregates.Where(a => a.Source == source);
}
