using System.Collections.Immutable;

namespace Tidemark.DuckDb;

/// <summary>A chunk of raw readings: one table, whose name changes each time it is rewritten.</summary>
internal sealed record Chunk(int Id, TimeRange Range, bool Compressed, long BytesBefore)
{
    public string Table => $"internal.chunk_{Id}";
}

/// <summary>
/// How far an aggregate is kept, and how often since the store was opened buckets below its watermark were written again or dropped.
/// </summary>
internal sealed record AggregateState(
    AggregateDefinition Definition,
    Instant? Watermark,
    Instant? Horizon,
    bool HasInvalidations,
    int Rewrites = 0);

/// <summary>
/// The catalog as of the last commit, immutable: who reads holds one and knows which tables to ask and where
/// materialised buckets end.
/// </summary>
internal sealed record StoreState(ImmutableArray<Chunk> Chunks, ImmutableArray<AggregateState> Aggregates, Instant? RawHorizon)
{
    public static readonly StoreState Empty = new([], [], null);

    public AggregateState Aggregate(AggregateDefinition definition)
    {
        foreach (var aggregate in Aggregates)
        {
            if (aggregate.Definition == definition)
            {
                return aggregate;
            }
        }

        throw new ArgumentException($"no state of aggregate {definition.Name}", nameof(definition));
    }

    public StoreState With(AggregateState changed)
        => this with { Aggregates = [.. Aggregates.Select(a => a.Definition == changed.Definition ? changed : a)] };

    public StoreState With(Chunk chunk)
        => this with { Chunks = [.. Chunks.Where(c => c.Range != chunk.Range).Append(chunk).OrderBy(c => c.Range.From)] };

    /// <summary>The chunks that overlap a range, ascending.</summary>
    public IEnumerable<Chunk> ChunksIn(TimeRange range) => Chunks.Where(c => c.Range.Overlaps(range));

    /// <summary>The horizon of what an aggregate is built from.</summary>
    public Instant? SourceHorizon(AggregateDefinition definition)
        => definition.Source is null ? RawHorizon : Aggregate(definition.Source).Horizon;

    /// <summary>Buckets that start before it are never written again.</summary>
    public Instant FrozenBefore(AggregateDefinition definition)
        => Instant.Max(SourceHorizon(definition) ?? Instant.MinValue, Aggregate(definition).Horizon ?? Instant.MinValue);
}
