namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clauses 5, 6 and 10: refresh, its plan, history and verification.</summary>
internal sealed partial class ReferenceStore
{
    private sealed record Refreshed(
        AggregateDefinition Aggregate,
        IReadOnlyList<ReferenceRow> New,
        Instant ClosedEnd,
        int Again,
        Instant? Watermark);

    public async Task<IReadOnlyList<RefreshPlan>> PlanRefreshAsync(string aggregate, TimeRange? range, CancellationToken cancellationToken)
    {
        var copy = await Locked(() => new ReferenceStore(state.Clone(), settings with { Schema = Schema }, clock), cancellationToken);
        return [.. WithSources(Schema.Aggregate(aggregate)).Select(a => copy.Refresh(a, Widen(aggregate, range)))
            .Select(r => new RefreshPlan(
                r.Aggregate.Name,
                r.New.Count == 0 ? null : new TimeRange(r.New.Min(n => n.Bucket), r.ClosedEnd),
                r.Again))];
    }

    public async Task<IReadOnlyList<RefreshResult>> RefreshAsync(
        string aggregate, TimeRange? range, IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
    {
        var results = new List<RefreshResult>();
        foreach (var step in WithSources(Schema.Aggregate(aggregate)))
        {
            progress?.Report(new StoreProgress($"refresh {step}", 0));
            var refreshed = await Locked(() => Refresh(step, Widen(aggregate, range)), cancellationToken);
            results.Add(new RefreshResult(step.Name, refreshed.New.Count + refreshed.Again, refreshed.Watermark, TimeSpan.Zero));
        }

        return results;
    }

    private TimeRange? Widen(string aggregate, TimeRange? range) => range?.Widen(Schema.Aggregate(aggregate).Bucket);

    private static IEnumerable<AggregateDefinition> WithSources(AggregateDefinition aggregate)
        => aggregate.Source is null ? [aggregate] : WithSources(aggregate.Source).Append(aggregate);

    private Refreshed Refresh(AggregateDefinition aggregate, TimeRange? range)
    {
        var kept = Of(aggregate);
        var source = FromSource(aggregate).ToDictionary(r => r.Key);
        var again = kept.Invalid.Where(pair => range?.Contains(pair.Bucket) ?? true).ToList();
        var closedEnd = ClosedEnd(aggregate, range);
        var added = source.Values.Where(r => (kept.Watermark is null || r.Bucket >= kept.Watermark) && r.Bucket < closedEnd).ToList();
        foreach (var row in added.Concat(again.Where(source.ContainsKey).Select(key => source[key])))
        {
            kept.Rows[row.Key] = row;
            Invalidate(aggregate, row.SensorId, row.Bucket);
        }

        kept.Invalid.ExceptWith(again);
        kept.Watermark = added.Select(r => (Instant?)aggregate.Bucket.End(r.Bucket)).Append(kept.Watermark).Max();
        kept.LastRefresh = Now;
        return new Refreshed(aggregate, added, closedEnd, again.Count, kept.Watermark);
    }

    /// <summary>The end of the last bucket that may be materialised.</summary>
    private Instant ClosedEnd(AggregateDefinition aggregate, TimeRange? range)
    {
        var whole = aggregate.Source is null ? Now : Instant.Min(Now, Of(aggregate.Source).Watermark ?? Instant.MinValue);
        return Instant.Min(aggregate.Bucket.Floor(whole), range?.To ?? Instant.MaxValue);
    }

    /// <summary>
    /// What is built from a source learns that the source changed, unless its bucket is not materialised yet or partly behind a horizon.
    /// </summary>
    private void Invalidate(AggregateDefinition? source, string sensorId, Instant time)
    {
        var horizon = source is null ? state.RawHorizon : Of(source).Horizon;
        foreach (var aggregate in BuiltFrom(source))
        {
            var bucket = aggregate.Bucket.Floor(time);
            if (bucket < Of(aggregate).Watermark && !(bucket < horizon) && !(bucket < Of(aggregate).Horizon))
            {
                Of(aggregate).Invalid.Add((bucket, sensorId));
            }
        }
    }

    public Task<VerifyReport> VerifyAsync(
        string? aggregate,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken) => Locked(() =>
    {
        var (checkedRows, pendingRows, differences) = (0L, 0L, new List<BucketDifference>());
        foreach (var definition in aggregate is null ? Schema.Aggregates : [Schema.Aggregate(aggregate)])
        {
            var pending = Pending(definition);
            var kept = Of(definition).Rows;
            var raw = FromRaw(definition).ToDictionary(r => r.Key);
            var whole = Wholly(definition);
            foreach (var key in kept.Keys.Union(raw.Keys).Where(k => k.Bucket >= whole && k.Bucket < Of(definition).Watermark))
            {
                if (pending.Contains(key))
                {
                    pendingRows++;
                    continue;
                }

                checkedRows++;
                var columns = definition.Columns(Schema.MetricNames);
                if (Comparison.Difference(columns, raw.GetValueOrDefault(key), kept.GetValueOrDefault(key)) is { } difference)
                {
                    differences.Add(new BucketDifference(definition.Name, key.SensorId, key.Bucket, difference));
                }
            }
        }

        return new VerifyReport(checkedRows, pendingRows, differences.Count, [.. differences.Take(1000)]);
    }, cancellationToken);

    /// <summary>From where on nothing that the aggregate is built from was dropped: only there can it equal raw.</summary>
    private Instant Wholly(AggregateDefinition aggregate)
        => WithSources(aggregate).Select(a => Of(a).Horizon).Append(state.RawHorizon).Max() ?? Instant.MinValue;
}
