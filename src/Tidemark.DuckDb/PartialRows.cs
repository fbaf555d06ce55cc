using System.Runtime.InteropServices;

namespace Tidemark.DuckDb;

/// <summary>
/// Partials of one sensor in columns, by bucket: readings, and per metric sum and count of non-null values, minimum and
/// maximum. Adding to a bucket that is there already merges.
/// </summary>
internal sealed class PartialRows(int metrics, BucketWidth bucket)
{
    private readonly List<long> _buckets = [];

    // Most rows come ascending by bucket: only once one doesn't, rows are looked up by it.
    private Dictionary<long, int>? _rows;
    private readonly List<long> _readings = [];
    private readonly List<double> _values = [];

    // Sum, count, minimum and maximum of each metric, one row after the other.
    private int Width => 4 * metrics;

    public int Count => _buckets.Count;

    /// <summary>Adds one raw reading; NaN stands for null.</summary>
    public void Add(long timeMicros, ReadOnlySpan<double> values)
    {
        var row = Row(bucket.Floor(new Instant(timeMicros)).Micros);
        _readings[row]++;
        for (var m = 0; m < metrics; m++)
        {
            if (!double.IsNaN(values[m]))
            {
                Merge(row, m, values[m], 1, values[m], values[m]);
            }
        }
    }

    /// <summary>Adds a row of the same or of finer buckets; NaN stands for null.</summary>
    /// <param name="bucketMicros">Where its bucket starts.</param>
    /// <param name="readings">How many it has.</param>
    /// <param name="partials">Sum, count, minimum and maximum of each metric.</param>
    /// <param name="places">Where each of them has its place here, −1 where it has none.</param>
    public void AddPartial(long bucketMicros, long readings, ReadOnlySpan<double> partials, ReadOnlySpan<int> places)
    {
        var row = Row(bucket.Floor(new Instant(bucketMicros)).Micros);
        _readings[row] += readings;
        for (var m = 0; m < places.Length; m++)
        {
            var p = partials.Slice(4 * m, 4);
            if (p[1] > 0 && places[m] >= 0)
            {
                Merge(row, places[m], p[0], p[1], p[2], p[3]);
            }
        }
    }

    /// <summary>Adds one metric of a row of the same or of finer buckets, which has values of it.</summary>
    public void AddPartial(long bucketMicros, int place, double sum, double count, double minimum, double maximum)
        => Merge(Row(bucket.Floor(new Instant(bucketMicros)).Micros), place, sum, count, minimum, maximum);

    /// <summary>Adds the rows whose buckets start in the range to rows of the same or of coarser buckets.</summary>
    /// <param name="coarser">Where they are added.</param>
    /// <param name="range">Selects by bucket start.</param>
    /// <param name="places">Where each metric has its place there.</param>
    public void AddTo(PartialRows coarser, TimeRange range, ReadOnlySpan<int> places)
    {
        var values = CollectionsMarshal.AsSpan(_values);
        for (var row = 0; row < _buckets.Count; row++)
        {
            if (range.Contains(new Instant(_buckets[row])))
            {
                coarser.AddPartial(_buckets[row], _readings[row], values.Slice(row * Width, Width), places);
            }
        }
    }

    /// <summary>
    /// The rows as an aggregate keeps them: sensor, bucket, reading count, then the partials of each metric with columns, null where it has
    /// no value.
    /// </summary>
    /// <param name="sensor">Its key.</param>
    /// <param name="columns">How many of the metrics have columns; they come first.</param>
    public IEnumerable<object[]> ToStored(int sensor, int columns)
    {
        for (var row = 0; row < _buckets.Count; row++)
        {
            var stored = new object[3 + (4 * columns)];
            (stored[0], stored[1], stored[2]) = (sensor, new Instant(_buckets[row]).ToDateTime(), _readings[row]);
            for (var m = 0; m < columns; m++)
            {
                var p = CollectionsMarshal.AsSpan(_values).Slice((row * Width) + (4 * m), 4);
                var at = 3 + (4 * m);
                stored[at + 1] = (long)p[1];
                foreach (var i in (ReadOnlySpan<int>)[0, 2, 3])
                {
                    stored[at + i] = p[1] > 0 ? p[i] : DBNull.Value;
                }
            }

            yield return stored;
        }
    }

    /// <summary>The partials of the metrics that are in the map and have values.</summary>
    /// <param name="columns">How many of the metrics have columns; they come first.</param>
    /// <param name="inMap">The others.</param>
    public IEnumerable<(short Metric, DateTime Bucket, double Sum, long Count, double Minimum, double Maximum)> ToStoredMap(
        int columns, IReadOnlyList<StoredMetric> inMap)
    {
        for (var row = 0; row < _buckets.Count; row++)
        {
            for (var m = columns; m < metrics; m++)
            {
                var p = CollectionsMarshal.AsSpan(_values).Slice((row * Width) + (4 * m), 4);
                if (p[1] > 0)
                {
                    yield return (inMap[m - columns].Id, new Instant(_buckets[row]).ToDateTime(), p[0], (long)p[1], p[2], p[3]);
                }
            }
        }
    }

    /// <summary>The rows as readers see them, ascending by bucket.</summary>
    /// <param name="sensorId">Whose.</param>
    /// <param name="partials">Whether they see partials.</param>
    public AggregateBatch ToBatch(string sensorId, bool partials)
    {
        var batch = new AggregateBatch((partials ? 4 : 3) * metrics, Math.Max(1, _buckets.Count));
        var (buckets, rows) = (_buckets.ToArray(), Enumerable.Range(0, _buckets.Count).ToArray());
        if (_rows is not null)
        {
            Array.Sort(buckets, rows);
        }

        foreach (var row in rows)
        {
            var target = batch.Add(new Instant(_buckets[row]), sensorId, _readings[row]);
            for (var m = 0; m < metrics; m++)
            {
                var p = CollectionsMarshal.AsSpan(_values).Slice((row * Width) + (4 * m), 4);
                var column = partials ? 4 * m : 3 * m;
                if (partials)
                {
                    batch.Set(target, column++, p[1] > 0 ? p[0] : double.NaN);
                    batch.Set(target, column++, p[1]);
                }
                else
                {
                    batch.Set(target, column++, p[1] > 0 ? p[0] / p[1] : double.NaN);
                }

                batch.Set(target, column, p[2]);
                batch.Set(target, column + 1, p[3]);
            }
        }

        return batch;
    }

    /// <summary>The rows of one metric as points, ascending by bucket.</summary>
    public List<FleetPoint> ToFleet()
    {
        var points = new List<FleetPoint>(_buckets.Count);
        for (var row = 0; row < _buckets.Count; row++)
        {
            var (sum, count) = (_values[row * Width], _values[(row * Width) + 1]);
            points.Add(new FleetPoint(new Instant(_buckets[row]), count > 0 ? sum / count : null, _readings[row]));
        }

        if (_rows is not null)
        {
            points.Sort((a, b) => a.Bucket.CompareTo(b.Bucket));
        }

        return points;
    }

    private int Row(long bucketMicros)
    {
        var last = _buckets.Count - 1;
        if (_rows is null)
        {
            if (last >= 0 && _buckets[last] == bucketMicros)
            {
                return last;
            }

            if (last < 0 || _buckets[last] < bucketMicros)
            {
                return AddRow(bucketMicros);
            }

            _rows = _buckets.Index().ToDictionary(b => b.Item, b => b.Index);
        }

        ref var row = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, bucketMicros, out var exists);
        if (!exists)
        {
            row = AddRow(bucketMicros);
        }

        return row;
    }

    private int AddRow(long bucketMicros)
    {
        _buckets.Add(bucketMicros);
        _readings.Add(0);
        for (var m = 0; m < metrics; m++)
        {
            _values.AddRange([0, 0, double.NaN, double.NaN]);
        }

        return _buckets.Count - 1;
    }

    private void Merge(int row, int metric, double sum, double count, double minimum, double maximum)
    {
        var p = CollectionsMarshal.AsSpan(_values).Slice((row * Width) + (4 * metric), 4);
        p[2] = p[1] == 0 ? minimum : Math.Min(p[2], minimum);
        p[3] = p[1] == 0 ? maximum : Math.Max(p[3], maximum);
        p[0] += sum;
        p[1] += count;
    }
}
