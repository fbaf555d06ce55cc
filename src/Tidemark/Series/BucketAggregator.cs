namespace Tidemark.Series;

/// <summary>Makes buckets of one sensor's readings, or of an aggregate's rows, which ascend by time.</summary>
/// <param name="buckets">Where they begin and end.</param>
/// <param name="range">Selects them by their start; nothing before it is added.</param>
/// <param name="now">Up to when a value lasts that no other follows.</param>
/// <param name="metrics">How many.</param>
/// <param name="functions">The columns of each metric.</param>
internal sealed class BucketAggregator(
    LocalBuckets buckets,
    TimeRange range,
    Instant now,
    int metrics,
    IReadOnlyList<SeriesFunction> functions)
{
    private readonly SeriesRows _rows = new(metrics * functions.Count);
    private readonly MetricState[] _states = [.. Enumerable.Repeat(MetricState.Empty, metrics)];

    // A value that lasts through a bucket without readings is the bucket's average by time.
    private readonly bool _lasts = functions.Contains(SeriesFunction.TimeWeighted);
    private TimeRange _bucket = new(Instant.MaxValue, Instant.MinValue);
    private long _readings;

    /// <summary>Tells a value from before the range.</summary>
    public void Begin(int metric, Instant time, double value)
    {
        _states[metric].Begin(time.Micros, value);
        if (_lasts)
        {
            _bucket = buckets.At(range.From);
        }
    }

    /// <returns>What became full meanwhile.</returns>
    public IEnumerable<SeriesBatch> Add(ReadingBatch batch)
    {
        for (var row = 0; row < batch.Count; row++)
        {
            var time = batch.Times[row];
            if (time >= _bucket.To.Micros)
            {
                foreach (var full in MoveTo(new Instant(time)))
                {
                    yield return full;
                }
            }

            _readings++;
            for (var m = 0; m < _states.Length; m++)
            {
                if (batch.Values(m)[row] is var value && !double.IsNaN(value))
                {
                    _states[m].Add(time, value, _bucket.From.Micros);
                }
            }
        }
    }

    /// <summary>Adds rows of partials.</summary>
    /// <returns>What became full meanwhile.</returns>
    public IEnumerable<SeriesBatch> Add(AggregateBatch batch)
    {
        for (var row = 0; row < batch.Count; row++)
        {
            var time = batch.Buckets[row];
            if (time < range.From.Micros)
            {
                continue;
            }

            if (time >= _bucket.To.Micros)
            {
                foreach (var full in MoveTo(new Instant(time)))
                {
                    yield return full;
                }
            }

            _readings += batch.Counts[row];
            for (var m = 0; m < _states.Length; m++)
            {
                _states[m].Add(
                    batch.Value(row, 4 * m), batch.Value(row, (4 * m) + 1), batch.Value(row, (4 * m) + 2), batch.Value(row, (4 * m) + 3));
            }
        }
    }

    /// <returns>What is left.</returns>
    public IEnumerable<SeriesBatch> End()
    {
        if (range.IsEmpty)
        {
            yield break;
        }

        if (_lasts && Instant.Min(range.To, now) is var end && _bucket.To < end)
        {
            foreach (var full in MoveTo(new Instant(end.Micros - 1)))
            {
                yield return full;
            }
        }

        Close(now);
        if (_rows.Count > 0)
        {
            yield return _rows.Take();
        }
    }

    /// <summary>Closes the bucket that is open, and goes on to the one that holds the instant.</summary>
    private IEnumerable<SeriesBatch> MoveTo(Instant time)
    {
        Close(_bucket.To);
        while (_lasts && !_bucket.IsEmpty && _bucket.To < Instant.MaxValue && time >= buckets.At(_bucket.To).To)
        {
            _bucket = buckets.At(_bucket.To);
            Close(_bucket.To);
            if (_rows.IsFull)
            {
                yield return _rows.Take();
            }
        }

        _bucket = buckets.At(time);
        if (_rows.IsFull)
        {
            yield return _rows.Take();
        }
    }

    /// <param name="until">When the last values end at the latest.</param>
    private void Close(Instant until)
    {
        var lasts = false;
        if (_lasts && !_bucket.IsEmpty)
        {
            foreach (ref var state in _states.AsSpan())
            {
                state.Last(_bucket.From.Micros, Instant.Min(_bucket.To, until).Micros);
                lasts |= !double.IsNaN(state.Value(SeriesFunction.TimeWeighted));
            }
        }

        if (_readings > 0 || lasts)
        {
            var row = _rows.Add(_bucket.From.Micros, _readings);
            for (var c = 0; c < metrics * functions.Count; c++)
            {
                _rows.Set(row, c, _states[c / functions.Count].Value(functions[c % functions.Count]));
            }
        }

        foreach (ref var state in _states.AsSpan())
        {
            state.Clear();
        }

        _readings = 0;
    }
}
