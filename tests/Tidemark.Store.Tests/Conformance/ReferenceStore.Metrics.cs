namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 2: the store gains metrics with readings, and keeps what sensors sent.</summary>
internal sealed partial class ReferenceStore
{
    public Task<IReadOnlyList<MetricInfo>> ListMetricsAsync(CancellationToken cancellationToken) => Locked<IReadOnlyList<MetricInfo>>(
        () => [.. Schema.Metrics.Select(m => new MetricInfo(
            m,
            state.FirstSeen.TryGetValue(m.Name, out var first) ? first : null,
            state.Sent.Values.Count(sent => sent.Contains(m.Name))))],
        cancellationToken);

    public Task AddMetricsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) => Locked(() =>
    {
        var added = names.Except(state.Metrics).ToList();
        if (added.Exists(name => Metric.CheckName(name) is not null) || state.Metrics.Count + added.Count > settings.MaxMetrics)
        {
            throw new StoreException(StoreErrorKind.Invalid, "not a metric, or one too many");
        }

        Add(added);
        return true;
    }, cancellationToken);

    public Task RemoveMetricAsync(string name, CancellationToken cancellationToken) => Locked(() =>
    {
        if (Schema.MetricIndex(name) is var place && (place < 0 || Schema.Metrics[place].IsConfigured))
        {
            throw new StoreException(StoreErrorKind.Invalid, "not there, or configured");
        }

        state.Metrics.Remove(name);
        state.FirstSeen.Remove(name);
        foreach (var sent in state.Sent.Values)
        {
            sent.Remove(name);
        }

        SetMetrics([.. Schema.Metrics.Where(m => m.Name != name)]);
        return true;
    }, cancellationToken);

    private void Add(IReadOnlyList<string> names)
    {
        state.Metrics.AddRange(names);
        SetMetrics([.. Schema.Metrics, .. names.Select(Metric.Found)]);
    }

    /// <summary>What an answer has: the configured metrics and those that the sensor sent, all of them for all sensors.</summary>
    private IReadOnlyList<string> AnswerOf(string? sensorId, IReadOnlyList<string>? metrics)
    {
        if (metrics?.FirstOrDefault(m => Schema.MetricIndex(m) < 0) is { } unknown)
        {
            throw StoreException.UnknownMetric(unknown, Schema);
        }

        var sent = sensorId is null ? null : state.Sent.GetValueOrDefault(sensorId, []);
        return metrics ?? [.. Schema.Metrics.Where(m => m.IsConfigured || sent?.Contains(m.Name) != false).Select(m => m.Name)];
    }

    private SortedDictionary<int, RefusedReading> RowsOfMetricsWithoutPlace(ReadingBatch batch)
    {
        var (refused, count) = (new SortedDictionary<int, RefusedReading>(), state.Metrics.Count);
        foreach (var (m, name) in batch.Metrics.Index())
        {
            var rows = Enumerable.Range(0, batch.Count).Where(row => !double.IsNaN(batch.Metric(m)[row])).ToList();
            if (rows.Count == 0 || state.Metrics.Contains(name))
            {
                continue;
            }

            if (Metric.CheckName(name) is null && settings.NewMetrics is NewMetrics.Add && count++ < settings.MaxMetrics)
            {
                continue;
            }

            rows.ForEach(row => refused.TryAdd(row, new RefusedReading(row, name)));
        }

        return refused;
    }

    private void Grow(IReadOnlyList<string> names, IReadOnlyList<Reading> readings)
    {
        var sent = names.Where((_, m) => readings.Any(r => !double.IsNaN(r.Values[m]))).ToList();
        Add([.. sent.Except(state.Metrics)]);
        sent.ForEach(name => state.FirstSeen.TryAdd(name, Now));
    }

    private Reading InSchemaOrder(IReadOnlyList<string> names, Reading reading)
    {
        var values = names.Zip(reading.Values).ToDictionary(v => v.First, v => v.Second);
        return reading with { Values = [.. Schema.MetricNames.Select(name => values.GetValueOrDefault(name, double.NaN))] };
    }
}
