using Tidemark.Series;
using Tidemark.Server.Export;

namespace Tidemark.Server.Series;

/// <summary>An answer as one table: time, sensor id, the columns of all its sensors, and reading_count where rows are buckets.</summary>
internal static class SeriesTable
{
    public static async Task<ExportTable> OpenAsync(
        ITelemetryStore store,
        SeriesQuery query,
        SeriesReader reader,
        CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var metric in query.Metrics ?? await MetricsAsync(store, reader, cancellationToken))
        {
            names.AddRange(reader.Width is null
                ? [new SeriesColumn(metric, null).Name]
                : query.Functions.Select(f => new SeriesColumn(metric, f).Name));
        }

        return new ExportTable(reader.Source, "time", names, reader.Width is not null, Batches(reader, names, cancellationToken))
        {
            HasFilled = query.Fill != SeriesFill.None,
        };
    }

    /// <summary>The columns of one metric by their function alone.</summary>
    public static IReadOnlyList<string> ShortNames(SeriesQuery query, SeriesReader reader)
        => reader.Width is null ? ["value"] : [.. query.Functions.Select(f => f.Name)];

    /// <summary>Those of all sensors, in the order of the first ones that have them.</summary>
    private static async Task<IEnumerable<string>> MetricsAsync(
        ITelemetryStore store,
        SeriesReader reader,
        CancellationToken cancellationToken)
    {
        var metrics = new OrderedDictionary<string, int>();
        foreach (var id in reader.SensorIds)
        {
            foreach (var metric in (await store.ReadCurrentAsync(id, cancellationToken)).Metrics)
            {
                metrics.TryAdd(metric, metrics.Count);
            }
        }

        return metrics.Keys;
    }

    private static async IAsyncEnumerable<ExportBatch> Batches(
        SeriesReader reader,
        List<string> names,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var series in reader.ReadAsync(cancellationToken))
        {
            var places = names.ConvertAll(name => series.Columns.ToList().FindIndex(c => c.Name == name));
            await foreach (var batch in series.Batches.WithCancellation(cancellationToken))
            {
                yield return new ExportBatch(
                    batch.Count,
                    row => new Instant(batch.TimesMicros[row]),
                    _ => series.SensorId,
                    (row, column) => places[column] < 0 ? double.NaN : batch.Column(places[column])[row],
                    row => batch.ReadingCounts[row])
                {
                    IsFilled = batch.IsFilled,
                };
            }
        }
    }
}
