namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 8: compression and retention.</summary>
internal sealed partial class ReferenceStore
{
    public Task<CompressResult> CompressAsync(IProgress<StoreProgress>? progress, CancellationToken cancellationToken) => Locked(() =>
    {
        var closed = settings.CompressAfter is null ? [] : Chunks().Where(c => ChunkEnd(c) <= Now - settings.CompressAfter.Value).ToList();
        return new CompressResult(closed.Count(state.CompressedChunks.Add), 0, 0);
    }, cancellationToken);

    public Task<RetainResult> RetainAsync(CancellationToken cancellationToken) => Locked(() =>
    {
        foreach (var aggregate in state.Definitions)
        {
            Refresh(aggregate, null);
        }

        var (chunks, readings) = DropChunks();
        return new RetainResult(chunks, readings, Schema.Aggregates.Sum(DropBuckets), state.RawHorizon);
    }, cancellationToken);

    private IEnumerable<Instant> Chunks() => state.Readings.Keys.Select(k => ChunkOf(k.Time)).Distinct();

    private IEnumerable<Instant> DueChunks() => Chunks().Where(c => ChunkEnd(c) <= Now - settings.Retention);

    private IEnumerable<Instant> DueBuckets(AggregateDefinition aggregate)
        => Of(aggregate).Rows.Keys.Select(k => k.Bucket).Distinct().Where(b => aggregate.Bucket.End(b) <= Now - aggregate.Retention);

    private (int Chunks, long Readings) DropChunks()
    {
        var (chunks, before) = (0, state.Readings.Count);
        foreach (var start in DueChunks().ToList())
        {
            var range = new TimeRange(start, ChunkEnd(start));
            var inside = state.Readings.Keys.Where(k => range.Contains(k.Time)).ToList();
            if (!BuiltFrom(null).All(a => inside.All(k => IsMaterialised(a, k.Time)) && !HasInvalid(a, range)))
            {
                break;
            }

            inside.ForEach(k => state.Readings.Remove(k));
            state.CompressedChunks.Remove(start);
            state.RawHorizon = range.To;
            chunks++;
        }

        return (chunks, before - state.Readings.Count);
    }

    private long DropBuckets(AggregateDefinition aggregate)
    {
        var kept = Of(aggregate);
        var before = kept.Rows.Count;
        foreach (var bucket in DueBuckets(aggregate).ToList())
        {
            var range = new TimeRange(bucket, aggregate.Bucket.End(bucket));
            if (HasInvalid(aggregate, range) || !BuiltFrom(aggregate).All(a => IsMaterialised(a, bucket) && !HasInvalid(a, range)))
            {
                break;
            }

            kept.Rows.Keys.Where(k => k.Bucket == bucket).ToList().ForEach(k => kept.Rows.Remove(k));
            kept.Horizon = new[] { kept.Horizon, range.To }.Max();
        }

        return before - kept.Rows.Count;
    }

    private bool IsMaterialised(AggregateDefinition aggregate, Instant time) => time < Of(aggregate).Watermark;

    private bool HasInvalid(AggregateDefinition aggregate, TimeRange range)
        => Of(aggregate).Invalid.Any(p => new TimeRange(p.Bucket, aggregate.Bucket.End(p.Bucket)).Overlaps(range));
}
