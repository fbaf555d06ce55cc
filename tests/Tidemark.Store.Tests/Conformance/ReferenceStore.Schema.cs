namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clauses 1 and 9: what is stored is reconciled with what is configured, and told.</summary>
internal sealed partial class ReferenceStore
{
    public Task InitializeAsync(CancellationToken cancellationToken) => Locked(() =>
    {
        Schema = StoredDefinition.KeepSources(
            Schema,
            [.. state.Definitions.Select(d => new StoredAggregate(d.Name, StoredDefinition.Of(d), d.Table, d.BucketColumn, []))]);
        if (state.Schema is { } stored)
        {
            Reconcile(stored);
        }

        foreach (var aggregate in Schema.Aggregates)
        {
            if (!state.Aggregates.ContainsKey(aggregate.Name))
            {
                var dropped = aggregate.Source is null ? state.RawHorizon : Of(aggregate.Source).Horizon;
                var begin = dropped is { } d ? aggregate.Bucket.Ceiling(d) : (Instant?)null;
                state.Aggregates.Add(aggregate.Name, new ReferenceAggregate { Watermark = begin, Horizon = begin });
            }
        }

        state.Metrics.AddRange(Schema.MetricNames.Except(state.Metrics).ToList());
        SetMetrics([.. Schema.Metrics, .. state.Metrics.Except(Schema.MetricNames).Select(Metric.Found)]);
        state.Definitions = [.. Schema.Aggregates, .. state.Definitions.Where(d => !Schema.HasAggregate(d.Name))];
        state.ChunkInterval = settings.ChunkInterval;
        return true;
    }, cancellationToken);

    private void Reconcile(TelemetrySchema stored)
    {
        foreach (var before in state.Definitions.Where(a => Schema.HasAggregate(a.Name)))
        {
            var now = Schema.Aggregate(before.Name);
            if (now.Bucket != before.Bucket)
            {
                throw Mismatch($"aggregate {before.Name} has buckets of {before.Bucket}, configured are {now.Bucket}");
            }

            if (now.Source?.Name != before.Source?.Name)
            {
                throw Mismatch(
                    $"aggregate {before.Name} is built from {before.Source?.Name ?? "raw"}, configured is {now.Source?.Name ?? "raw"}");
            }

            if (!now.ExtraColumns.SequenceEqual(before.ExtraColumns))
            {
                throw Mismatch($"aggregate {before.Name} has other columns than configured");
            }
        }

        if (state.ChunkInterval != settings.ChunkInterval && state.Readings.Count > 0)
        {
            throw Mismatch($"the chunk interval is {state.ChunkInterval}, configured is {settings.ChunkInterval}");
        }
    }

    /// <summary>Goes over to other metrics: readings and buckets are null in those that are new.</summary>
    private void SetMetrics(IReadOnlyList<Metric> metrics)
    {
        Schema = Schema.With(metrics);
        if (state.Schema is { } before)
        {
            MoveMetrics([.. Schema.MetricNames.Select(name => before.MetricIndex(name))]);
        }

        state.Schema = Schema;
    }

    /// <param name="places">Where each metric stood before, -1 for a new one.</param>
    private void MoveMetrics(int[] places)
    {
        Reading Move(Reading r) => r with { Values = [.. places.Select(p => p < 0 ? double.NaN : r.Values[p])] };
        foreach (var key in state.Readings.Keys.ToList())
        {
            state.Readings[key] = Move(state.Readings[key]);
        }

        foreach (var sensorId in state.Latest.Keys.ToList())
        {
            state.Latest[sensorId] = Move(state.Latest[sensorId]);
        }

        foreach (var aggregate in state.Aggregates.Values)
        {
            aggregate.MoveMetrics(places);
        }
    }

    private static StoreException Mismatch(string difference) => new(StoreErrorKind.SchemaMismatch, difference);

    public Task<IReadOnlyList<JobStatus>> ReadJobsAsync(CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<JobStatus>>([]);

    public Task<StoreStatus> ReadStatusAsync(CancellationToken cancellationToken) => Locked(() =>
    {
        var chunks = state.Readings.Keys.GroupBy(k => ChunkOf(k.Time)).OrderBy(c => c.Key)
            .Select(c => new ChunkStatus(
                c.Key.ToString(),
                new TimeRange(c.Key, ChunkEnd(c.Key)),
                c.Count(),
                0,
                state.CompressedChunks.Contains(c.Key))).ToList();
        var raw = new HypertableStatus(TelemetrySchema.RawTable, state.Readings.Count, chunks.Count, chunks.Count(c => c.Compressed), 0, 0);
        var aggregates = Schema.Aggregates.Select(a => (Definition: a, Kept: Of(a))).Select(a => new AggregateStatus(
            a.Definition.Name, a.Definition.Table, a.Definition.Bucket.ToString(), a.Definition.Source?.Name ?? "raw",
            a.Kept.Rows.Count, a.Kept.Watermark, a.Kept.Invalid.Count, a.Kept.LastRefresh));
        return new StoreStatus("reference", "memory", [raw], chunks, [.. aggregates], [], state.Latest.Count, 0, 0, state.RawHorizon);
    }, cancellationToken);
}
