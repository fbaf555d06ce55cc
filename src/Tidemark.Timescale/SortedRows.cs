namespace Tidemark.Timescale;

/// <summary>
/// The rows of batches by (sensor, time), in order of writing where both are equal. A <em>run</em> is the position of the first of
/// equal ones; a row's number counts through all batches.
/// </summary>
internal sealed class SortedRows
{
    private readonly IReadOnlyList<ReadingBatch> _batches;
    private readonly int[] _starts;
    private readonly Dictionary<string, int> _keys = new(StringComparer.Ordinal);
    private readonly int[] _rows;
    private readonly int[] _keyOfRow;
    private readonly long[] _times;

    public SortedRows(IReadOnlyList<ReadingBatch> batches)
    {
        _batches = batches;
        _starts = new int[batches.Count + 1];
        for (var b = 0; b < batches.Count; b++)
        {
            _starts[b + 1] = _starts[b] + batches[b].Count;
        }

        _keyOfRow = new int[_starts[^1]];
        _times = new long[_starts[^1]];
        Earliest = Instant.MaxValue;
        MapKeys();
        SensorIds = [.. _keys.OrderBy(k => k.Value).Select(k => k.Key)];
        _rows = Order();
        Runs = FindRuns();
    }

    public string[] SensorIds { get; }

    public Instant Earliest { get; private set; }

    public List<int> Runs { get; }

    public int Key(string sensorId) => _keys[sensorId];

    public int Key(int run) => _keyOfRow[_rows[run]];

    public Instant Time(int run) => TimeOf(_rows[run]);

    public bool HasValues(int metric) => _batches.Any(batch => TimescaleStore.HasValues(batch, metric));

    public int KeyOf(int row) => _keyOfRow[row];

    public Instant TimeOf(int row) => new(_times[row]);

    public (ReadingBatch Batch, int Place) Locate(int row)
    {
        if (_batches.Count == 1)
        {
            return (_batches[0], row);
        }

        var b = BatchOf(row);
        return (_batches[b], row - _starts[b]);
    }

    /// <summary>
    /// What becomes of each batch, one after the other, and the rows that must be written, in order. Rows of batches that merge are given
    /// what they add to.
    /// </summary>
    /// <param name="stored">
    /// The stored values of a run's reading, where there is one: of the batches' metrics, then of others, which a reading sets to null.
    /// </param>
    public (WriteResult[] Results, List<int> Changed) Fold(IReadOnlyDictionary<int, double[]> stored)
    {
        var results = new WriteResult[_batches.Count];
        var changed = new List<int>(Runs.Count);
        for (var r = 0; r < Runs.Count; r++)
        {
            var end = r + 1 < Runs.Count ? Runs[r + 1] : _rows.Length;
            stored.TryGetValue(Runs[r], out var before);
            var exists = before is not null;
            var current = -1;
            for (var i = Runs[r]; i < end; i++)
            {
                if (_batches[0].Mode is WriteMode.Merge)
                {
                    AddTo(_rows[i], i == Runs[r] ? before : Values(_rows[i - 1]));
                }

                var batch = BatchOf(_rows[i]);
                if (i + 1 < end && BatchOf(_rows[i + 1]) == batch)
                {
                    continue;
                }

                var same = exists && (current < 0 ? Same(before!, _rows[i]) : Same(current, _rows[i]));
                results[batch] += same ? new WriteResult(0, 0, 1) : exists ? new WriteResult(0, 1, 0) : new WriteResult(1, 0, 0);
                (exists, current) = (true, _rows[i]);
            }

            if (before is null || !Same(before, current))
            {
                changed.Add(current);
            }
        }

        return (results, changed);
    }

    private double[] Values(int row)
    {
        var (batch, place) = Locate(row);
        return batch[place].Values;
    }

    /// <summary>Gives a row the values of what it has none of.</summary>
    private void AddTo(int row, double[]? values)
    {
        var (batch, place) = Locate(row);
        for (var m = 0; values is not null && m < batch.MetricCount; m++)
        {
            if (double.IsNaN(batch.Metric(m)[place]))
            {
                batch.Set(place, m, values[m]);
            }
        }
    }

    /// <summary>The same for a store that adds every row.</summary>
    public (WriteResult[] Results, List<int> Changed) All()
        => ([.. _batches.Select(batch => new WriteResult(batch.Count, 0, 0) { AppendOnly = true })], [.. _rows]);

    private int BatchOf(int row)
    {
        if (_batches.Count == 1)
        {
            return 0;
        }

        var found = Array.BinarySearch(_starts, row);
        if (found < 0)
        {
            return ~found - 1;
        }

        // Empty batches begin where the next one does.
        while (_starts[found + 1] == row)
        {
            found++;
        }

        return found;
    }

    private void MapKeys()
    {
        var row = 0;
        foreach (var batch in _batches)
        {
            batch.TimesMicros.CopyTo(_times.AsSpan(row));
            string? lastId = null;
            var lastKey = 0;
            var earliest = long.MaxValue;
            for (var i = 0; i < batch.Count; i++, row++)
            {
                var id = batch.SensorIds[i];
                if (!ReferenceEquals(id, lastId))
                {
                    lastId = id;
                    if (!_keys.TryGetValue(id, out lastKey))
                    {
                        lastKey = _keys.Count;
                        _keys.Add(id, lastKey);
                    }
                }

                _keyOfRow[row] = lastKey;
                earliest = Math.Min(earliest, batch.TimesMicros[i]);
            }

            Earliest = Instant.Min(Earliest, new Instant(earliest));
        }
    }

    private int[] Order()
    {
        var packed = new ulong[_keyOfRow.Length];
        for (var row = 0; row < packed.Length; row++)
        {
            packed[row] = ((ulong)_keyOfRow[row] << 32) | (uint)row;
        }

        Array.Sort(packed);
        var rows = Array.ConvertAll(packed, p => (int)(uint)p);
        for (var start = 0; start < rows.Length;)
        {
            var (end, ascending) = (start + 1, true);
            for (; end < rows.Length && _keyOfRow[rows[end]] == _keyOfRow[rows[start]]; end++)
            {
                ascending &= _times[rows[end - 1]] <= _times[rows[end]];
            }

            if (!ascending)
            {
                var keys = rows[start..end].Select(row => (_times[row], row)).ToArray();
                SortRun(rows, start, keys);
            }

            start = end;
        }

        return rows;
    }

    private static void SortRun(int[] rows, int start, (long Time, int Row)[] keys)
    {
        Array.Sort(keys);
        for (var i = 0; i < keys.Length; i++)
        {
            rows[start + i] = keys[i].Row;
        }
    }

    private List<int> FindRuns()
    {
        var runs = new List<int>(_rows.Length);
        for (var i = 0; i < _rows.Length; i++)
        {
            if (i == 0 || _keyOfRow[_rows[i]] != _keyOfRow[_rows[i - 1]] || _times[_rows[i]] != _times[_rows[i - 1]])
            {
                runs.Add(i);
            }
        }

        return runs;
    }

    private bool Same(double[] values, int row)
    {
        var (batch, place) = Locate(row);
        for (var m = 0; m < values.Length; m++)
        {
            if (!ReadingBatch.AreSame(values[m], m < batch.MetricCount ? batch.Metric(m)[place] : double.NaN))
            {
                return false;
            }
        }

        return true;
    }

    private bool Same(int a, int b)
    {
        var ((batchA, placeA), (batchB, placeB)) = (Locate(a), Locate(b));
        for (var m = 0; m < batchA.MetricCount; m++)
        {
            if (!ReadingBatch.AreSame(batchA.Metric(m)[placeA], batchB.Metric(m)[placeB]))
            {
                return false;
            }
        }

        return true;
    }
}
