namespace Tidemark.Series;

/// <summary>Decides what an answer is made of.</summary>
internal sealed class SeriesPlanner(ITelemetryStore store, SeriesQuery query)
{
    public async Task<SeriesReader> OpenAsync(IReadOnlyList<string> sensorIds, CancellationToken cancellationToken)
    {
        var plan = Plan();
        Task<SensorSeries> Open(string sensorId, CancellationToken token) => OpenAsync(plan, sensorId, token);
        var first = sensorIds.Count == 0 ? null : await Open(sensorIds[0], cancellationToken);
        return new SeriesReader(plan, sensorIds, first, Open);
    }

    private SeriesPlan Plan()
    {
        var byWidth = store.Schema.Aggregates.OrderBy(a => a.Bucket.Approximate).ToList();
        var source = query.Bucket switch
        {
            { Aggregate: { } named } => named,
            { Width: { } width } => byWidth.Find(a => a.Bucket == width),
            { IsAuto: true } => byWidth.Find(a => Points(a.Bucket) <= query.Points) ?? byWidth[^1],
            _ => null,
        };
        return source is { ExtraColumns.Count: 0 } && query.Functions.All(f => AggregateSeries.Place(f) >= 0)
            ? new SeriesPlan(source, source.Bucket)
            : throw new StoreException(StoreErrorKind.Invalid, "only avg, min and max of an aggregate's buckets can be asked for");
    }

    private double Points(BucketWidth width)
        => (Instant.Min(query.Range.To, query.Now) - query.Range.From) / width.Approximate;

    private Task<SensorSeries> OpenAsync(SeriesPlan plan, string sensorId, CancellationToken cancellationToken)
        => AggregateSeries.OpenAsync(store, query, plan.Source!, sensorId, cancellationToken);
}
