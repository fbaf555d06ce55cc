namespace Tidemark.Series;

/// <summary>Decides what an answer is made of, by the rules of docs/series.md, and opens it.</summary>
internal sealed class SeriesPlanner(ITelemetryStore store, SeriesQuery query)
{
    // Of fewer buckets than this share of the points a chart shows nothing.
    private const int Few = 20;

    private readonly SeriesSource _source = new(store, query);
    private readonly SeriesBounds _bounds = new(store, query);

    // The finest first.
    private readonly List<AggregateDefinition> _aggregates = [.. store.Schema.Aggregates.OrderBy(a => a.Bucket.Approximate)];

    private static readonly BucketWidth[] Ladder =
    [
        .. new[] { 1, 2, 5, 10, 15, 30 }.Select(s => BucketWidth.Fixed(TimeSpan.FromSeconds(s))),
        .. new[] { 1, 2, 5, 10, 15, 30 }.Select(m => BucketWidth.Fixed(TimeSpan.FromMinutes(m))),
        .. new[] { 1, 2, 3, 6, 12 }.Select(h => BucketWidth.Fixed(TimeSpan.FromHours(h))),
        .. new[] { 1, 2, 7 }.Select(d => BucketWidth.Fixed(TimeSpan.FromDays(d))),
        .. new[] { 1, 3, 6, 12, 120, 1200 }.Select(BucketWidth.Calendar),
    ];

    private bool NeedsReadings => query.Functions.Any(f => f.NeedsReadings);

    // Where gaps are to be filled, or several readings to be taken together, points are buckets.
    private bool MayBeReadings => query.Fill == SeriesFill.None && !query.Functions.Any(f => f.NeedsBuckets);

    public async Task<SeriesReader> OpenAsync(IReadOnlyList<string> sensorIds, CancellationToken cancellationToken)
    {
        if (sensorIds.Count == 0)
        {
            var nothing = query.Bucket.IsRaw ? SeriesPlan.Readings : PlansOf(query.Bucket.Width ?? WidthWithinPoints).First();
            return new SeriesReader(nothing, sensorIds, null, _source.OpenAsync);
        }

        var (plan, first) = query.Bucket switch
        {
            { IsAuto: true } => await ChooseAsync(sensorIds, cancellationToken),
            { IsRaw: true } => await OpenFirstAsync([SeriesPlan.Readings], sensorIds, cancellationToken),
            { Width: { } width } => await OpenFirstAsync(PlansOf(width), sensorIds, cancellationToken),
            _ => throw new InvalidOperationException("a bucket is auto, raw or a width"),
        };
        return new SeriesReader(plan, sensorIds, first, _source.OpenAsync);
    }

    /// <summary>
    /// What can give buckets of a width: the aggregates that they are made of, the coarsest and so the shortest to read first, then
    /// readings.
    /// </summary>
    private IEnumerable<SeriesPlan> PlansOf(BucketWidth width)
    {
        var selection = new BucketSelection(query, width);
        return NeedsReadings
            ? [new SeriesPlan(null, width)]
            : _aggregates.Where(a => selection.AreMadeOf(a.Bucket))
                .OrderByDescending(a => a.Bucket.Approximate)
                .ThenByDescending(a => a == query.Bucket.Aggregate)
                .ThenBy(a => a.ExtraColumns.Count)
                .Select(a => new SeriesPlan(a, width))
                .Append(new SeriesPlan(null, width));
    }

    /// <summary>
    /// The first plan of whose source retention has dropped nothing in the range, else the one that reaches back farthest.
    /// </summary>
    private async Task<(SeriesPlan Plan, SensorSeries First)> OpenFirstAsync(
        IEnumerable<SeriesPlan> plans,
        IReadOnlyList<string> sensorIds,
        CancellationToken cancellationToken)
    {
        (SeriesPlan Plan, Instant From)? best = null;
        string? fault = null;
        foreach (var plan in plans)
        {
            if (await _bounds.CheckAsync(plan, sensorIds, cancellationToken) is { } exceeded)
            {
                fault ??= exceeded;
                continue;
            }

            var series = await _source.OpenAsync(plan, sensorIds[0], cancellationToken);
            if (series.DataFrom is not { } from)
            {
                return (plan, series);
            }

            await series.DisposeAsync();
            best = best?.From <= from ? best : (plan, from);
        }

        return best is { } found
            ? (found.Plan, await _source.OpenAsync(found.Plan, sensorIds[0], cancellationToken))
            : throw new StoreException(StoreErrorKind.Invalid, fault!);
    }

    /// <summary>
    /// Readings where they are few enough; else the finest aggregate's buckets that are; where these are too few for a chart, or all too
    /// many, buckets of a width between.
    /// </summary>
    private async Task<(SeriesPlan Plan, SensorSeries First)> ChooseAsync(
        IReadOnlyList<string> sensorIds,
        CancellationToken cancellationToken)
    {
        var plans = _aggregates.Select(a => a.Bucket).Distinct().Where(IsWithinPoints).SelectMany(PlansOf)
            .OrderBy(p => p.Source is null).ToList();
        if (plans.Count == 0)
        {
            return await TryReadingsAsync(sensorIds, cancellationToken)
                ?? await OpenFirstAsync(PlansOf(WidthWithinPoints), sensorIds, cancellationToken);
        }

        var (plan, first) = await OpenFirstAsync(plans, sensorIds, cancellationToken);
        var isFew = CountOf(plan.Width!.Value) * Few < query.Points;
        if ((!isFew && !MayBeReadings) || (long)query.Points * _bounds.Columns > SeriesBounds.MostValues)
        {
            return (plan, first);
        }

        // They are no more than the points, so they can wait until it is known whether readings are few, too.
        first = (await first.BufferAsync(int.MaxValue, cancellationToken))!;
        if ((isFew || first.Readings <= query.Points || query.Downsampling != Downsampling.None)
            && await TryReadingsAsync(sensorIds, cancellationToken) is { } readings)
        {
            return readings;
        }

        return isFew && await TryBetweenAsync(plan.Width.Value, sensorIds, cancellationToken) is { } between ? between : (plan, first);
    }

    /// <returns>Buckets of a usual width finer than another, where what they are made of is whole and not too much; else null.</returns>
    private async Task<(SeriesPlan Plan, SensorSeries First)?> TryBetweenAsync(
        BucketWidth coarse,
        IReadOnlyList<string> sensorIds,
        CancellationToken cancellationToken)
    {
        var width = WidthWithinPoints;
        if (width.Approximate >= coarse.Approximate)
        {
            return null;
        }

        var plans = PlansOf(width).Where(p => p.Source is { } source && CountOf(source.Bucket) <= SeriesBounds.MostChosen).ToList();
        if (plans.Count == 0 && await IsRawWholeAsync(cancellationToken)
            && await _bounds.HaveAtMostAsync(SeriesBounds.MostChosen, sensorIds, cancellationToken))
        {
            plans.Add(new SeriesPlan(null, width));
        }

        if (plans.Count == 0)
        {
            return null;
        }

        var (plan, first) = await OpenFirstAsync(plans, sensorIds, cancellationToken);
        if (first.Complete)
        {
            return (plan, first);
        }

        await first.DisposeAsync();
        return null;
    }

    /// <returns>The readings where no sensor has more than the points; else null.</returns>
    private async Task<(SeriesPlan Plan, SensorSeries First)?> TryReadingsAsync(
        IReadOnlyList<string> sensorIds,
        CancellationToken cancellationToken)
    {
        if (!MayBeReadings || !await IsRawWholeAsync(cancellationToken))
        {
            return null;
        }

        var isDownsampled = query.Downsampling != Downsampling.None;
        var most = isDownsampled ? SeriesBounds.MostChosen : query.Points;
        if (!await _bounds.HaveAtMostAsync(most, isDownsampled ? sensorIds : [.. sensorIds.Skip(1)], cancellationToken))
        {
            return null;
        }

        var first = await _source.OpenAsync(SeriesPlan.Readings, sensorIds[0], cancellationToken);
        return (isDownsampled ? first : await first.BufferAsync(most, cancellationToken)) is { } few ? (SeriesPlan.Readings, few) : null;
    }

    private async Task<bool> IsRawWholeAsync(CancellationToken cancellationToken)
        => !(query.Range.From < await store.ReadRawHorizonAsync(cancellationToken));

    private double CountOf(BucketWidth width) => new BucketSelection(query, width).Count;

    private bool IsWithinPoints(BucketWidth width) => CountOf(width) <= query.Points;

    /// <summary>The finest of the usual widths that is.</summary>
    private BucketWidth WidthWithinPoints => Array.Find(Ladder, IsWithinPoints) is { Approximate.Ticks: > 0 } width ? width : Ladder[^1];
}
