using System.Runtime.CompilerServices;

namespace Tidemark.Series;

/// <summary>Opens one sensor's series by a plan.</summary>
internal sealed class SeriesSource(ITelemetryStore store, SeriesQuery query)
{
    public Task<SensorSeries> OpenAsync(SeriesPlan plan, string sensorId, CancellationToken cancellationToken) => plan switch
    {
        { Width: null } => OpenReadingsAsync(sensorId, cancellationToken),
        { Width: { } width, Source: { } source } => OpenAggregateAsync(sensorId, source, width, cancellationToken),
        { Width: { } width } => OpenFromReadingsAsync(sensorId, width, cancellationToken),
    };

    /// <summary>The readings themselves, downsampled if that is asked for.</summary>
    private async Task<SensorSeries> OpenReadingsAsync(string sensorId, CancellationToken cancellationToken)
    {
        var current = await store.ReadCurrentAsync(sensorId, cancellationToken);
        var metrics = query.Metrics ?? current.Metrics;
        var horizon = await store.ReadRawHorizonAsync(cancellationToken);
        var raw = await OpenRawAsync(sensorId, metrics, query.Range, cancellationToken);
        var points = raw.ReadAsync(cancellationToken).Select(b
            => new SeriesBatch(b.Count, b.Times, [.. Enumerable.Range(0, b.MetricCount).Select(b.Values)], null, null));
        if (query.Downsampling != Downsampling.None)
        {
            points = Downsampler.DownsampleAsync(query, metrics.Count, new Instant(current.TimesMicros[0]), points, cancellationToken);
        }

        return new SensorSeries(sensorId, [.. metrics.Select(m => new SeriesColumn(m, null))], points, raw.DisposeAsync)
        {
            DataFrom = query.Range.From < horizon ? horizon : null,
        };
    }

    private async Task<SensorSeries> OpenFromReadingsAsync(string sensorId, BucketWidth width, CancellationToken cancellationToken)
    {
        var selection = new BucketSelection(query, width);
        var metrics = query.Metrics ?? (await store.ReadCurrentAsync(sensorId, cancellationToken)).Metrics;
        var horizon = selection.WholeFrom(await store.ReadRawHorizonAsync(cancellationToken));
        var range = selection.ReadFrom(horizon);
        var aggregator = new BucketAggregator(selection.Buckets, range, query.Now, metrics.Count, query.Functions);
        if (query.Functions.Any(f => f.LooksBack) && range.From > Instant.MinValue)
        {
            var lookback = new TimeRange(range.From - selection.Lookback, range.From);
            foreach (var (m, last) in (await LastValues.ReadAsync(store, sensorId, metrics, lookback, cancellationToken)).Index())
            {
                if (last is { } value)
                {
                    aggregator.Begin(m, value.Time, value.Value);
                }
            }
        }

        var raw = await OpenRawAsync(sensorId, metrics, range, cancellationToken);
        var rows = MakeAsync(raw.ReadAsync(cancellationToken), aggregator.Add, aggregator.End, cancellationToken);
        return Series(sensorId, metrics, selection, rows, raw.DisposeAsync, horizon, null, pending: false, cancellationToken);
    }

    /// <summary>Buckets of an aggregate's rows. Its own are passed through where nothing but its columns is asked for.</summary>
    private async Task<SensorSeries> OpenAggregateAsync(
        string sensorId, AggregateDefinition aggregate, BucketWidth width, CancellationToken cancellationToken)
    {
        var selection = new BucketSelection(query, width);
        var isOwn = width == aggregate.Bucket && query.Functions.All(f => PlaceOf(f) >= 0)
            && (query.Metrics is not null || aggregate.ExtraColumns.Count == 0);
        var reader = await store.ReadAggregateAsync(
            new AggregateQuery(aggregate.Name, sensorId, selection.Read) { Metrics = query.Metrics, Partials = !isOwn },
            cancellationToken);
        string[] metrics = [.. reader.Columns.Where((_, c) => c % (isOwn ? 3 : 4) == 0).Select(c => c[4..])];
        var horizon = selection.WholeFrom(reader.Horizon);
        var range = selection.ReadFrom(horizon);
        var aggregator = new BucketAggregator(selection.Buckets, range, query.Now, metrics.Length, query.Functions);
        var rows = isOwn
            ? OwnRows(reader, metrics.Length)
            : MakeAsync(reader.Rows, aggregator.Add, aggregator.End, cancellationToken);
        return Series(
            sensorId, metrics, selection, rows, reader.DisposeAsync, horizon, reader.Watermark, reader.Pending, cancellationToken);
    }

    private SensorSeries Series(
        string sensorId,
        IReadOnlyList<string> metrics,
        BucketSelection selection,
        IAsyncEnumerable<SeriesBatch> rows,
        Func<ValueTask> dispose,
        Instant horizon,
        Instant? watermark,
        bool pending,
        CancellationToken cancellationToken)
    {
        SeriesColumn[] columns = [.. metrics.SelectMany(m => query.Functions.Select(f => new SeriesColumn(m, f)))];
        if (query.Fill != SeriesFill.None)
        {
            var filler = new GapFiller(query, selection.Buckets, [.. columns.Select(c => c.Function!.Value)]);
            rows = filler.FillAsync(rows, cancellationToken);
        }

        return new SensorSeries(sensorId, columns, rows, dispose)
        {
            Watermark = watermark,
            Pending = pending,
            DataFrom = selection.Asked.From < horizon ? horizon : null,
        };
    }

    private Task<OpenBatches<ReadingBatch>> OpenRawAsync(
        string sensorId, IReadOnlyList<string> metrics, TimeRange range, CancellationToken cancellationToken)
        => OpenBatches<ReadingBatch>.OpenAsync(
            store.ReadRawAsync(new RawQuery(sensorId, range) { Metrics = metrics }, cancellationToken),
            cancellationToken);

    /// <returns>Where an aggregate's row has the function among a metric's columns; −1 when it has none.</returns>
    private static int PlaceOf(SeriesFunction function) => function switch
    {
        SeriesFunction.Avg => 0,
        SeriesFunction.Min => 1,
        SeriesFunction.Max => 2,
        _ => -1,
    };

    /// <summary>The store's rows in its own buffers.</summary>
    private IAsyncEnumerable<SeriesBatch> OwnRows(AggregateReader reader, int metrics)
    {
        int[] places = [.. Enumerable.Range(0, metrics).SelectMany(m => query.Functions.Select(f => (3 * m) + PlaceOf(f)))];
        return reader.Rows.Select(batch
            => new SeriesBatch(batch.Count, batch.Buckets, [.. places.Select(batch.Values)], batch.Counts, null));
    }

    private static async IAsyncEnumerable<SeriesBatch> MakeAsync<T>(
        IAsyncEnumerable<T> batches,
        Func<T, IEnumerable<SeriesBatch>> add,
        Func<IEnumerable<SeriesBatch>> end,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in batches.WithCancellation(cancellationToken))
        {
            foreach (var full in add(batch))
            {
                yield return full;
            }
        }

        foreach (var rest in end())
        {
            yield return rest;
        }
    }
}
