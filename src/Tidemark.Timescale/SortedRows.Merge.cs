namespace Tidemark.Timescale;

/// <remarks>Readings that add to others.</remarks>
internal sealed partial class SortedRows
{
    private SortedRows(SortedRows other, IReadOnlyList<ReadingBatch> batches)
    {
        _batches = batches;
        (_starts, _keys, _rows, _keyOfRow, _times) = (other._starts, other._keys, other._rows, other._keyOfRow, other._times);
        (SensorIds, Earliest, Runs) = (other.SensorIds, other.Earliest, other.Runs);
    }

    /// <summary>Whether a row is to keep values that are stored, or that another row of its sensor and time has.</summary>
    public bool Merges(IReadOnlyDictionary<int, double[]> stored)
        => _batches.Any(batch => batch.Mode is WriteMode.Merge) && (stored.Count > 0 || Runs.Count < _rows.Length);

    /// <summary>The same rows, of these metrics, with the values that merging ones keep.</summary>
    /// <param name="metrics">Those of the batches and others that stored readings may have.</param>
    /// <param name="stored">The stored values of a run's reading, where there is one, by metric.</param>
    public SortedRows Merged(IReadOnlyList<string> metrics, IReadOnlyDictionary<int, double[]> stored)
    {
        var merged = new SortedRows(this, [.. _batches.Select(batch => batch.Select(metrics)).Select(
            batch => batch.Mode is WriteMode.Merge ? batch.Copy() : batch)]);
        for (var r = 0; r < Runs.Count; r++)
        {
            var end = r + 1 < Runs.Count ? Runs[r + 1] : _rows.Length;
            var before = stored.TryGetValue(Runs[r], out var values) ? values : null;
            for (var i = Runs[r]; i < end; i++)
            {
                var (batch, place) = merged.Locate(_rows[i]);
                if (batch.Mode is WriteMode.Merge && before is not null)
                {
                    Fill(batch, place, before);
                }

                before = batch[place].Values;
            }
        }

        return merged;
    }

    private static void Fill(ReadingBatch batch, int row, double[] values)
    {
        for (var m = 0; m < values.Length; m++)
        {
            if (double.IsNaN(batch.Metric(m)[row]))
            {
                batch.Set(row, m, values[m]);
            }
        }
    }
}
