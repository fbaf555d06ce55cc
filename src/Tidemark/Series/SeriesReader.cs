using System.Runtime.CompilerServices;

namespace Tidemark.Series;

/// <summary>An open answer to a <see cref="SeriesQuery"/>: enumerate it once, dispose it always.</summary>
public sealed class SeriesReader : IAsyncDisposable
{
    private readonly SeriesPlan _plan;
    private readonly Func<SeriesPlan, string, CancellationToken, Task<SensorSeries>> _open;
    private SensorSeries? _first;

    internal SeriesReader(
        SeriesPlan plan,
        IReadOnlyList<string> sensorIds,
        SensorSeries? first,
        Func<SeriesPlan, string, CancellationToken, Task<SensorSeries>> open)
        => (_plan, SensorIds, _first, _open) = (plan, sensorIds, first, open);

    /// <summary>What the answer is made of: <c>raw</c>, or an aggregate's name.</summary>
    public string Source => _plan.SourceName;

    /// <summary>What a point spans; null when points are readings.</summary>
    public BucketWidth? Width => _plan.Width;

    /// <summary>The same for people and programs: <c>raw</c>, or a width such as <c>6 hours</c>.</summary>
    public string Bucket => Width?.ToString() ?? SeriesPlan.Raw;

    /// <summary>Each sensor of the answer once, in the question's order, those of a pattern ascending.</summary>
    public IReadOnlyList<string> SensorIds { get; }

    /// <summary>Gives the sensors one after the other. A series is read before the next one is asked for.</summary>
    public async IAsyncEnumerable<SensorSeries> ReadAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var sensorId in SensorIds)
        {
            await using var series = Interlocked.Exchange(ref _first, null) ?? await _open(_plan, sensorId, cancellationToken);
            yield return series;
        }
    }

    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _first, null)?.DisposeAsync() ?? default;
}

/// <summary>One sensor's part of an answer, of one read of the store.</summary>
public sealed class SensorSeries : IAsyncDisposable
{
    private readonly Func<ValueTask> _dispose;

    internal SensorSeries(
        string sensorId,
        IReadOnlyList<SeriesColumn> columns,
        IAsyncEnumerable<SeriesBatch> batches,
        Func<ValueTask> dispose)
        => (SensorId, Columns, Batches, _dispose) = (sensorId, columns, batches, dispose);

    public string SensorId { get; }

    /// <summary>By metric, then by function.</summary>
    public IReadOnlyList<SeriesColumn> Columns { get; }

    /// <summary>Of the aggregate that it is made of: the exclusive end of the last materialised bucket. Null for raw.</summary>
    public Instant? Watermark { get; internal init; }

    /// <summary>Whether a late write touched the range and waits for a refresh. Never for raw.</summary>
    public bool Pending { get; internal init; }

    /// <summary>From when on the source has everything where retention has dropped some of the range; else null.</summary>
    public Instant? DataFrom { get; internal init; }

    /// <summary>Whether retention has dropped nothing of the range from the source.</summary>
    public bool Complete => DataFrom is null;

    /// <summary>Enumerated once.</summary>
    public IAsyncEnumerable<SeriesBatch> Batches { get; }

    public ValueTask DisposeAsync() => _dispose();

    /// <summary>Of a buffered series: how many readings all buckets but the last hold, which may reach beyond the range.</summary>
    internal long Readings { get; private init; }

    /// <summary>Reads all of it into memory and lets go of the store.</summary>
    /// <returns>Null when it has more points than <paramref name="most"/>.</returns>
    internal async Task<SensorSeries?> BufferAsync(int most, CancellationToken cancellationToken)
    {
        await using var read = this;
        var (batches, points, readings, last) = (new List<SeriesBatch>(), 0, 0L, 0L);
        await foreach (var batch in Batches.WithCancellation(cancellationToken))
        {
            batches.Add(batch);
            points += batch.Count;
            foreach (var count in batch.ReadingCounts)
            {
                readings += last;
                last = count;
            }

            if (points > most)
            {
                return null;
            }
        }

        return new SensorSeries(SensorId, Columns, batches.ToAsyncEnumerable(), () => default)
        {
            Watermark = Watermark,
            Pending = Pending,
            DataFrom = DataFrom,
            Readings = readings,
        };
    }
}

/// <param name="Metric">Its name.</param>
/// <param name="Function">What is made of it; null where points are readings.</param>
public sealed record SeriesColumn(string Metric, SeriesFunction? Function)
{
    /// <summary>The metric, or such as <c>avg_temperature</c>.</summary>
    public string Name { get; } = Function is { } function ? $"{function.Name}_{Metric}" : Metric;
}
