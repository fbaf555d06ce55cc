namespace Tidemark.Schema;

/// <summary>What a store holds: the metrics of a reading and the aggregates kept over them.</summary>
public sealed class TelemetrySchema
{
    public const string RawTable = "sensor_data";

    private readonly Dictionary<string, AggregateDefinition> _byName;

    /// <param name="metrics">In column order, at least one.</param>
    /// <param name="aggregates">Each after its source, at least one.</param>
    public TelemetrySchema(IReadOnlyList<Metric> metrics, IReadOnlyList<AggregateDefinition> aggregates)
    {
        Metrics = metrics;
        Aggregates = aggregates;
        Finest = aggregates.MinBy(a => a.Bucket.Approximate)
            ?? throw new ArgumentException("a schema has at least one aggregate", nameof(aggregates));
        _byName = aggregates.ToDictionary(a => a.Name, StringComparer.Ordinal);
    }

    public IReadOnlyList<Metric> Metrics { get; }

    /// <summary>Every aggregate after the one it is built from.</summary>
    public IReadOnlyList<AggregateDefinition> Aggregates { get; }

    /// <summary>The aggregate with the narrowest buckets: readings are counted from it.</summary>
    public AggregateDefinition Finest { get; }

    /// <exception cref="StoreException">No aggregate has that name.</exception>
    public AggregateDefinition Aggregate(string name)
        => _byName.TryGetValue(name, out var aggregate) ? aggregate : throw StoreException.UnknownAggregate(name, this);

    public bool HasAggregate(string name) => _byName.ContainsKey(name);

    /// <returns>The metric's place in a reading's values, −1 when there is none of that name.</returns>
    public int MetricIndex(ReadOnlySpan<char> name)
    {
        for (var i = 0; i < Metrics.Count; i++)
        {
            if (name.SequenceEqual(Metrics[i].Name))
            {
                return i;
            }
        }

        return -1;
    }

    public IEnumerable<AggregateDefinition> BuiltFrom(AggregateDefinition? source) => Aggregates.Where(a => a.Source == source);
}
