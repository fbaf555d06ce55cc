using System.Runtime.CompilerServices;

namespace Tidemark.Series;

/// <summary>An aggregate's own buckets, passed through: the batches share the store's buffers.</summary>
internal static class AggregateSeries
{
    /// <returns>Where an aggregate's row has the function among a metric's columns; −1 when it has none.</returns>
    public static int Place(SeriesFunction function) => function switch
    {
        SeriesFunction.Avg => 0,
        SeriesFunction.Min => 1,
        SeriesFunction.Max => 2,
        _ => -1,
    };

    public static async Task<SensorSeries> OpenAsync(
        ITelemetryStore store,
        SeriesQuery query,
        AggregateDefinition aggregate,
        string sensorId,
        CancellationToken cancellationToken)
    {
        var reader = await store.ReadAggregateAsync(
            new AggregateQuery(aggregate.Name, sensorId, query.Range) { Metrics = query.Metrics },
            cancellationToken);
        var metrics = MetricsOf(reader.Columns);
        int[] places = [.. metrics.SelectMany((_, m) => query.Functions.Select(f => (3 * m) + Place(f)))];
        return new SensorSeries(
            sensorId,
            [.. metrics.SelectMany(m => query.Functions.Select(f => new SeriesColumn(m, f)))],
            Batches(reader, places, cancellationToken),
            reader.DisposeAsync)
        {
            Watermark = reader.Watermark,
            Pending = reader.Pending,
            DataFrom = query.Range.From < reader.Horizon ? reader.Horizon : null,
        };
    }

    private static string[] MetricsOf(IReadOnlyList<string> columns)
        => [.. columns.Where((_, c) => c % 3 == 0).Select(c => c["avg_".Length..])];

    private static async IAsyncEnumerable<SeriesBatch> Batches(
        AggregateReader reader,
        int[] places,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in reader.Rows.WithCancellation(cancellationToken))
        {
            yield return new SeriesBatch(batch.Count, batch.Buckets, [.. places.Select(batch.Values)], batch.Counts);
        }
    }
}
