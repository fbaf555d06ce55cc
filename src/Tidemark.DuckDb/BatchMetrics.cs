namespace Tidemark.DuckDb;

/// <summary>Where the metrics of a batch are kept.</summary>
internal sealed class BatchMetrics
{
    /// <param name="metrics">By metric of the batch what the store has of it, null for one without a value.</param>
    /// <param name="catalog">Of the store.</param>
    public BatchMetrics(IReadOnlyList<StoredMetric?> metrics, MetricCatalog catalog)
    {
        Ids = [.. metrics.Select(m => m?.Id ?? -1)];
        Columns = [.. catalog.Columns.Select(c => Array.IndexOf(Ids, c.Id))];
        InMap = [.. Enumerable.Range(0, Ids.Length).Where(m => metrics[m] is { IsColumn: false }).OrderBy(m => Ids[m])];
    }

    /// <summary>By metric of the batch, −1 for one without a value.</summary>
    public short[] Ids { get; }

    /// <summary>By column of raw tables the metric of the batch, −1 for none.</summary>
    public int[] Columns { get; }

    /// <summary>The metrics of the batch that are in the map, ascending by id: so maps of the same values are equal.</summary>
    public int[] InMap { get; }

    /// <summary>Whether one of the rows has a value in the map.</summary>
    public bool NeedMap(ReadingBatch batch, ReadOnlySpan<int> rows)
    {
        foreach (var metric in InMap)
        {
            var values = batch.Metric(metric);
            foreach (var row in rows)
            {
                if (!double.IsNaN(values[row]))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
