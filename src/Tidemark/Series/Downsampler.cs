using System.Runtime.CompilerServices;

namespace Tidemark.Series;

/// <summary>
/// Downsamples one sensor's readings, ascending by time, to as many as points are asked for. Whole readings are kept: of each metric the
/// least and the greatest value in each of equal stretches of time. <see cref="Downsampling.Lttb"/> chooses from four times as many of
/// those, a preselection that keeps what <see cref="Lttb"/> looks for (Van Der Donckt and others, "MinMaxLTTB", 2023,
/// https://arxiv.org/abs/2305.00332). Memory is bounded by the points.
/// </summary>
internal sealed class Downsampler
{
    private const int Preselection = 4;

    private readonly int _points;
    private readonly bool _byTriangles;
    private readonly long _from;
    private readonly double _stretch;
    private readonly (Row? Least, Row? Greatest)[] _extremes;
    private readonly List<Row> _kept = [];
    private Row? _last;
    private long _open;

    private sealed record Row(long Time, double[] Values);

    /// <summary>Readings as they are while they are no more than the points, else what is left of them.</summary>
    /// <param name="query">The question.</param>
    /// <param name="metrics">How many a reading has.</param>
    /// <param name="last">When the sensor's last reading was.</param>
    /// <param name="batches">Its readings.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async IAsyncEnumerable<SeriesBatch> DownsampleAsync(
        SeriesQuery query,
        int metrics,
        Instant last,
        IAsyncEnumerable<SeriesBatch> batches,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (few, count) = (new List<SeriesBatch>(), 0);
        Downsampler? downsampler = null;
        await foreach (var batch in batches.WithCancellation(cancellationToken))
        {
            count += batch.Count;
            few.Add(batch);
            if (count <= query.Points)
            {
                continue;
            }

            var points = Math.Min(query.Points, SeriesBounds.MostDownsampled / Math.Max(1, metrics));
            downsampler ??= new Downsampler(query.Downsampling, points, metrics, SpanOf(few, query.Range, last));
            few.ForEach(downsampler.Add);
            few.Clear();
        }

        foreach (var batch in downsampler is null ? few : [downsampler.Take()])
        {
            yield return batch;
        }
    }

    /// <param name="kind">How.</param>
    /// <param name="points">So many readings are left at most, or two of each metric, the first and the last.</param>
    /// <param name="metrics">How many a reading has.</param>
    /// <param name="span">From the first reading to behind the last.</param>
    public Downsampler(Downsampling kind, int points, int metrics, TimeRange span)
    {
        (_points, _byTriangles, _from) = (points, kind == Downsampling.Lttb, span.From.Micros);
        var stretches = Math.Max(1, (_byTriangles ? Preselection : 1) * (points - 2) / (2 * Math.Max(1, metrics)));
        _stretch = Math.Max(1, (span.To.Micros - _from) / (double)stretches);
        _extremes = new (Row?, Row?)[metrics];
    }

    public void Add(SeriesBatch batch)
    {
        if (batch.Count == 0)
        {
            return;
        }

        if (_last is null)
        {
            _kept.Add(RowOf(batch, 0));
        }

        for (var r = 0; r < batch.Count; r++)
        {
            var stretch = (long)((batch.TimesMicros[r] - _from) / _stretch);
            if (stretch != _open)
            {
                Close();
                _open = stretch;
            }

            Row? row = null;
            for (var m = 0; m < _extremes.Length; m++)
            {
                var value = batch.Column(m)[r];
                ref var extremes = ref _extremes[m];
                if (!double.IsNaN(value) && !(extremes.Least?.Values[m] <= value))
                {
                    extremes.Least = row ??= RowOf(batch, r);
                }

                if (!double.IsNaN(value) && !(extremes.Greatest?.Values[m] >= value))
                {
                    extremes.Greatest = row ??= RowOf(batch, r);
                }
            }
        }

        _last = RowOf(batch, batch.Count - 1);
    }

    private static TimeRange SpanOf(List<SeriesBatch> batches, TimeRange range, Instant last)
    {
        var from = batches.Find(b => b.Count > 0)!.TimesMicros[0];
        return new TimeRange(new Instant(from), new Instant(Math.Max(from, Math.Min(range.To.Micros - 1, last.Micros)) + 1));
    }

    /// <summary>What is left.</summary>
    public SeriesBatch Take()
    {
        Close();
        Keep(_last);
        var rows = _byTriangles
            ? [.. Enumerable.Range(0, _extremes.Length).SelectMany(Triangles).Distinct().OrderBy(r => r.Time)]
            : _kept;
        return new SeriesBatch(
            rows.Count,
            [.. rows.Select(r => r.Time)],
            [.. Enumerable.Range(0, _extremes.Length).Select(m => rows.ConvertAll(r => r.Values[m]).ToArray())],
            null,
            null);
    }

    /// <summary>Of one metric the readings of the largest triangles, its least and its greatest.</summary>
    private IEnumerable<Row> Triangles(int metric)
    {
        var rows = _kept.FindAll(r => !double.IsNaN(r.Values[metric]));
        if (rows.Count == 0)
        {
            return [];
        }

        double[] values = [.. rows.Select(r => r.Values[metric])];
        var count = Math.Max(2, (_points / _extremes.Length) - 2);
        return [.. Lttb.Select([.. rows.Select(r => r.Time)], values, count).Select(i => rows[i]),
            rows.MinBy(r => r.Values[metric])!, rows.MaxBy(r => r.Values[metric])!];
    }

    private void Close()
    {
        foreach (var row in _extremes.SelectMany(e => new[] { e.Least, e.Greatest }).OfType<Row>().OrderBy(r => r.Time))
        {
            Keep(row);
        }

        Array.Clear(_extremes);
    }

    private void Keep(Row? row)
    {
        if (row is not null && row.Time != _kept[^1].Time)
        {
            _kept.Add(row);
        }
    }

    private Row RowOf(SeriesBatch batch, int row)
    {
        var values = new double[_extremes.Length];
        for (var m = 0; m < values.Length; m++)
        {
            values[m] = batch.Column(m)[row];
        }

        return new Row(batch.TimesMicros[row], values);
    }
}
