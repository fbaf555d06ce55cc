using System.Collections.Immutable;

namespace Tidemark.DuckDb;

/// <summary>
/// A chunk of raw readings: one table, whose name changes each time it is rewritten. It spans one chunk interval, or several that hold
/// little.
/// </summary>
/// <param name="Id">Names the table.</param>
/// <param name="Range">Of its intervals.</param>
/// <param name="Compressed">Whether it was rewritten since it closed and not opened again.</param>
/// <param name="BytesBefore">Its size before that.</param>
/// <param name="HasMap">Whether the table has the map of metrics without columns.</param>
internal sealed record Chunk(int Id, TimeRange Range, bool Compressed, long BytesBefore, bool HasMap)
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
internal sealed record StoreState(
    ImmutableArray<Chunk> Chunks,
    ImmutableArray<AggregateState> Aggregates,
    MetricCatalog Metrics,
    Instant? RawHorizon)
{
    public static readonly StoreState Empty = new([], [], MetricCatalog.Empty, null);

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

    /// <summary>With a new chunk, or another state of one that is there.</summary>
    public StoreState With(Chunk chunk)
    {
        var index = FirstEndingAfter(chunk.Range.From);
        var known = index < Chunks.Length && Chunks[index].Id == chunk.Id;
        return this with { Chunks = known ? Chunks.SetItem(index, chunk) : Chunks.Insert(index, chunk) };
    }

    public StoreState Without(IEnumerable<Chunk> chunks)
    {
        var gone = chunks.Select(c => c.Id).ToHashSet();
        return this with { Chunks = Chunks.RemoveAll(c => gone.Contains(c.Id)) };
    }

    /// <summary>The chunks that overlap a range, ascending.</summary>
    public IEnumerable<Chunk> ChunksIn(TimeRange range)
    {
        for (var i = FirstEndingAfter(range.From); i < Chunks.Length && Chunks[i].Range.From < range.To; i++)
        {
            yield return Chunks[i];
        }
    }

    /// <summary>The chunk whose range holds the instant.</summary>
    public Chunk? ChunkAt(Instant instant)
        => FirstEndingAfter(instant) is var i && i < Chunks.Length && Chunks[i].Range.Contains(instant) ? Chunks[i] : null;

    /// <summary>The place of the first chunk that ends after the instant.</summary>
    public int FirstEndingAfter(Instant instant)
    {
        var (low, high) = (0, Chunks.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = Chunks[middle].Range.To > instant ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>The horizon of what an aggregate is built from.</summary>
    public Instant? SourceHorizon(AggregateDefinition definition)
        => definition.Source is null ? RawHorizon : Aggregate(definition.Source).Horizon;

    /// <summary>Buckets that start before it are never written again.</summary>
    public Instant FrozenBefore(AggregateDefinition definition)
        => Instant.Max(SourceHorizon(definition) ?? Instant.MinValue, Aggregate(definition).Horizon ?? Instant.MinValue);
}
