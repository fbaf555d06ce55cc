using System.Runtime.CompilerServices;

namespace Tidemark.Series;

/// <summary>Gives buckets without readings a row, and values that are null one by the question's fill.</summary>
/// <param name="query">The question.</param>
/// <param name="buckets">Where they begin and end.</param>
/// <param name="functions">Of each column.</param>
internal sealed class GapFiller(SeriesQuery query, LocalBuckets buckets, IReadOnlyList<SeriesFunction> functions)
{
    private readonly SeriesRows _rows = new(functions.Count);

    // The last value of each column that readings gave, and its bucket.
    private readonly double[] _values = [.. functions.Select(_ => double.NaN)];
    private readonly long[] _times = new long[functions.Count];

    // Without a beginning the range begins with the first row.
    private Instant? _next = query.Range.From > Instant.MinValue ? buckets.Ceiling(query.Range.From) : null;

    /// <param name="batches">Rows of buckets with readings, those of the lookback too.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async IAsyncEnumerable<SeriesBatch> FillAsync(
        IAsyncEnumerable<SeriesBatch> batches,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                var time = new Instant(batch.TimesMicros[row]);
                while (_next < time)
                {
                    AddRow(_next.Value.Micros, null, 0);
                    if (IsFull)
                    {
                        yield return _rows.Take();
                    }
                }

                AddRow(time.Micros, batch, row);
                if (IsFull)
                {
                    yield return _rows.Take();
                }
            }
        }

        var end = Instant.Min(query.Range.To, query.Now);
        while (_next < end)
        {
            AddRow(_next.Value.Micros, null, 0);
            if (IsFull)
            {
                yield return _rows.Take();
            }
        }

        if (_rows.Count > 0)
        {
            yield return _rows.Take();
        }
    }

    // What lies on a line is known when its other end is.
    private bool IsFull => _rows.IsFull && query.Fill != SeriesFill.Linear;

    /// <param name="time">Where the bucket begins.</param>
    /// <param name="batch">Its row's; null when it has no reading.</param>
    /// <param name="from">The row.</param>
    private void AddRow(long time, SeriesBatch? batch, int from)
    {
        // One of the lookback gives its values alone.
        var isAsked = !(time < query.Range.From.Micros);
        var row = isAsked ? _rows.Add(time, batch?.ReadingCounts[from] ?? 0) : -1;
        for (var c = 0; c < functions.Count; c++)
        {
            var value = batch is null ? double.NaN : batch.Column(c)[from];
            if (!double.IsNaN(value))
            {
                if (isAsked && query.Fill == SeriesFill.Linear)
                {
                    FillLine(row, c, time, value);
                }

                (_values[c], _times[c]) = (value, time);
            }

            if (isAsked)
            {
                Set(row, c, value);
            }
        }

        if (isAsked)
        {
            _next = buckets.At(new Instant(time)).To;
        }
    }

    private void Set(int row, int column, double value)
    {
        if (!double.IsNaN(value) || functions[column] == SeriesFunction.Count)
        {
            _rows.Set(row, column, double.IsNaN(value) ? 0 : value);
        }
        else if (query.Fill is SeriesFill.Previous or SeriesFill.Linear && functions[column].IsTotal)
        {
            _rows.Fill(row, column, 0);
        }
        else if (query.Fill == SeriesFill.Previous && !double.IsNaN(_values[column]))
        {
            _rows.Fill(row, column, _values[column]);
        }
        else
        {
            _rows.Set(row, column, double.NaN);
        }
    }

    /// <summary>Fills the rows between the last value and a new one.</summary>
    private void FillLine(int row, int column, long time, double value)
    {
        if (functions[column].IsTotal || double.IsNaN(_values[column]))
        {
            return;
        }

        for (var between = row - 1; between >= 0 && double.IsNaN(_rows.Value(between, column)); between--)
        {
            var share = (_rows.Time(between) - _times[column]) / (double)(time - _times[column]);
            _rows.Fill(between, column, _values[column] + (share * (value - _values[column])));
        }
    }
}
