using System.Collections.Immutable;

namespace Tidemark.Timescale;

/// <summary>One aggregate as it stands: everything that answers depend on.</summary>
/// <param name="Definition">What it is.</param>
/// <param name="Watermark">The exclusive end of the last materialised bucket.</param>
/// <param name="Horizon">The largest bucket end that its own retention dropped.</param>
/// <param name="Target">The end of what a refresh has begun to materialise.</param>
/// <param name="LastRefresh">When one last finished.</param>
/// <param name="Rewrites">How often materialised buckets were written again or dropped.</param>
/// <param name="Fleet">Of the finest: the watermark of its buckets over all sensors together.</param>
internal sealed record AggregateState(
    AggregateDefinition Definition, Instant? Watermark, Instant? Horizon, Instant? Target,
    Instant? LastRefresh, long Rewrites, Instant? Fleet);

/// <summary>What the database's catalog says at one moment.</summary>
/// <param name="RawHorizon">The largest chunk end ever dropped.</param>
/// <param name="Threshold">TimescaleDB notes changes of raw readings before it; null while nothing was refreshed.</param>
/// <param name="Aggregates">In the schema's order, then those that the store has besides.</param>
/// <param name="Metrics">The version of the store's metrics.</param>
internal sealed record StoreState(Instant? RawHorizon, Instant? Threshold, ImmutableArray<AggregateState> Aggregates, long Metrics)
{
    public AggregateState Aggregate(AggregateDefinition definition) => Aggregates.First(a => a.Definition == definition);

    /// <summary>Buckets that start before it are never written again.</summary>
    public Instant FrozenBefore(AggregateDefinition definition)
    {
        var source = definition.Source is null ? RawHorizon : Aggregate(definition.Source).Horizon;
        return Instant.Max(source ?? Instant.MinValue, Aggregate(definition).Horizon ?? Instant.MinValue);
    }

    /// <summary>A late reading before it may have been materialised in the aggregate, or be so by a refresh that runs now.</summary>
    public Instant LateBefore(AggregateDefinition definition)
    {
        var state = Aggregate(definition);
        return Instant.Max(
            Instant.Max(state.Watermark ?? Instant.MinValue, state.Target ?? Instant.MinValue),
            Threshold ?? Instant.MinValue);
    }

    /// <summary>Whether an answer made by the other state is one by this state too.</summary>
    public bool HasWatermarksOf(StoreState other)
        => Aggregates.Zip(other.Aggregates).All(pair => pair.First.Watermark == pair.Second.Watermark
            && pair.First.Fleet == pair.Second.Fleet);
}
