namespace Tidemark.DuckDb;

/// <summary>What a commit wrote of one sensor.</summary>
/// <param name="Sensor">Its key.</param>
/// <param name="Batch">Of which.</param>
/// <param name="Metrics">The batch's.</param>
/// <param name="Rows">Of the batch, by sensor and time.</param>
/// <param name="Start">The sensor's first of them.</param>
/// <param name="End">Behind its last one.</param>
internal readonly record struct WrittenRun(int Sensor, ReadingBatch Batch, BatchMetrics Metrics, List<int> Rows, int Start, int End)
{
    public long TimeOf(int place) => Batch.TimesMicros[Rows[place]];
}

/// <summary>A day of neighbouring sensors in columns; changed and read under the lock of <see cref="RawPages"/>.</summary>
/// <param name="day">Since the epoch.</param>
/// <param name="metrics">Its columns.</param>
internal sealed class RawPage(long day, Selection metrics)
{
    // Of a page with more rows than one may have nothing is kept but that it is so.
    private bool _isTooLarge;
    private Rows? _rows;

    public long Day => day;

    public Selection Metrics => metrics;

    /// <summary>Whether it has all of the day's readings.</summary>
    public bool IsComplete => _rows is not null;

    /// <summary>Whether something was committed that it doesn't have.</summary>
    public bool IsStale { get; set; }

    public int Values => (_rows?.Count ?? 0) * (1 + metrics.Count);

    public long Bytes => 256 + (_rows?.Bytes ?? 0);

    /// <param name="rows">Null when they are too many.</param>
    public void Complete(Rows? rows)
    {
        rows?.Sort();
        (_rows, _isTooLarge) = (rows, rows is null);
    }

    /// <returns>False when the page doesn't have the reading then.</returns>
    public bool TryAdd(int sensor, ReadingBatch batch, int row, int[] places)
    {
        if (_rows is not { } rows)
        {
            return _isTooLarge;
        }

        Span<double> values = stackalloc double[metrics.Count];
        values.Fill(double.NaN);
        for (var m = 0; m < places.Length; m++)
        {
            if (places[m] >= 0)
            {
                values[places[m]] = batch.Metric(m)[row];
            }
            else if (!double.IsNaN(batch.Metric(m)[row]))
            {
                return false;
            }
        }

        return rows.TryAddLast(sensor, batch.TimesMicros[row], values);
    }

    public int CountIn(int sensor, TimeRange range)
    {
        var (_, from, to) = _rows!.Of(sensor, range);
        return to - from;
    }

    public void CopyTo(ReadingBatch batch, string sensorId, int sensor, TimeRange range, Selection selected)
    {
        var (columns, from, to) = _rows!.Of(sensor, range);
        var places = new int[selected.Count];
        for (var m = 0; m < places.Length; m++)
        {
            places[m] = metrics.Place(selected.Metrics[m].Id);
        }

        Span<double> values = stackalloc double[places.Length];
        for (var row = from; row < to; row++)
        {
            for (var m = 0; m < places.Length; m++)
            {
                values[m] = places[m] < 0 ? double.NaN : columns.Values[places[m]][row];
            }

            batch.Add(sensorId, new Instant(columns.Times[row]), values);
        }
    }

    /// <summary>The readings of each sensor.</summary>
    public sealed class Rows(int sensors, int metrics)
    {
        private readonly Columns[] _sensors = [.. Enumerable.Range(0, sensors).Select(_ => new Columns(metrics))];

        public int Count { get; private set; }

        public long Bytes => _sensors.Sum(s => 8L * (1 + metrics) * s.Times.Length);

        public void Add(int sensor, long time, ReadOnlySpan<double> values)
        {
            _sensors[sensor].Add(time, values);
            Count++;
        }

        /// <returns>False when it is not the sensor's last one.</returns>
        public bool TryAddLast(int sensor, long time, ReadOnlySpan<double> values)
        {
            var columns = _sensors[sensor];
            if (columns.Count > 0 && columns.Times[columns.Count - 1] >= time)
            {
                return false;
            }

            Add(sensor, time, values);
            return true;
        }

        public void Sort()
        {
            foreach (var columns in _sensors)
            {
                columns.Sort();
            }
        }

        public (Columns Columns, int From, int To) Of(int sensor, TimeRange range)
            => (_sensors[sensor], _sensors[sensor].First(range.From.Micros), _sensors[sensor].First(range.To.Micros));
    }

    /// <summary>One sensor's readings, ascending by time once they are sorted.</summary>
    public sealed class Columns(int metrics)
    {
        public int Count { get; private set; }

        public long[] Times { get; private set; } = [];

        public double[][] Values { get; } = [.. Enumerable.Range(0, metrics).Select(_ => Array.Empty<double>())];

        public void Add(long time, ReadOnlySpan<double> values)
        {
            if (Count == Times.Length)
            {
                Resize(Math.Max(64, Count + (Count / 4)));
            }

            Times[Count] = time;
            for (var m = 0; m < Values.Length; m++)
            {
                Values[m][Count] = values[m];
            }

            Count++;
        }

        public void Sort()
        {
            if (!IsSorted())
            {
                var order = Enumerable.Range(0, Count).ToArray();
                Array.Sort(Times, order, 0, Count);
                for (var m = 0; m < Values.Length; m++)
                {
                    var values = Values[m];
                    Values[m] = [.. order.Select(row => values[row])];
                }
            }

            Resize(Count);
        }

        /// <summary>The place of the first one at or after an instant.</summary>
        public int First(long micros)
        {
            var place = Array.BinarySearch(Times, 0, Count, micros);
            return place < 0 ? ~place : place;
        }

        private bool IsSorted()
        {
            for (var row = 1; row < Count; row++)
            {
                if (Times[row] < Times[row - 1])
                {
                    return false;
                }
            }

            return true;
        }

        private void Resize(int capacity)
        {
            var times = Times;
            Array.Resize(ref times, capacity);
            Times = times;
            for (var m = 0; m < Values.Length; m++)
            {
                Array.Resize(ref Values[m], capacity);
            }
        }
    }
}
