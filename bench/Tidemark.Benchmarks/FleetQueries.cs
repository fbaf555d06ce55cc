namespace Tidemark.Benchmarks;

/// <summary>Query 1 and Query 2 of the exercise over all sensors, from raw readings and from aggregates.</summary>
internal static class FleetQueries
{
    private const int RawRuns = 5;
    private const int AggregateRuns = 25;

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(
        ITelemetryStore store,
        DataSet data,
        string on,
        bool bound,
        CancellationToken cancellationToken)
    {
        Report.Note("fleet: Query 1 and 2");
        return
        [
            await CompareAsync(
                store,
                "Query 1 (30 days by hour)",
                new FleetQuery("hourly", "temperature", Period.Parse("30d").Until(data.End)),
                on,
                bound ? 50 : null,
                cancellationToken),
            await CompareAsync(
                store,
                "Query 2 (a year by day)",
                new FleetQuery("daily", "temperature", Period.Parse("1y").Until(data.End)),
                on,
                bound ? 100 : null,
                cancellationToken),
        ];
    }

    private static async Task<Figure> CompareAsync(
        ITelemetryStore store,
        string name,
        FleetQuery query,
        string on,
        double? bound,
        CancellationToken cancellationToken)
    {
        var fromAggregate = await TimeAsync(store, query, AggregateRuns, cancellationToken);
        var fromRaw = await TimeAsync(store, query with { FromRaw = true }, RawRuns, cancellationToken);
        await RequireSameAsync(store, query, cancellationToken);
        var (figure, ratio) = ($"{name}, {on}, raw against aggregate", fromRaw.Median / fromAggregate.Median);
        var beside = $"{Figure.Millis(fromRaw.Median)} against {Figure.Millis(fromAggregate.Median)}";
        return bound is { } least ? Figure.AtLeast(figure, ratio, least, "×", beside) : Figure.Free(figure, ratio, "×", beside);
    }

    private static Task<Samples> TimeAsync(ITelemetryStore store, FleetQuery query, int runs, CancellationToken cancellationToken)
        => Samples.MeasureAsync(
            1,
            runs,
            _ => store.ReadFleetAsync(query, cancellationToken).CountAsync(cancellationToken).AsTask(),
            cancellationToken);

    /// <summary>A fast wrong answer is none: both ways must give the same points.</summary>
    private static async Task RequireSameAsync(ITelemetryStore store, FleetQuery query, CancellationToken cancellationToken)
    {
        var aggregate = await store.ReadFleetAsync(query, cancellationToken).ToListAsync(cancellationToken);
        var raw = await store.ReadFleetAsync(query with { FromRaw = true }, cancellationToken).ToListAsync(cancellationToken);
        if (aggregate.Count == 0 || !aggregate.Zip(raw, Same).All(same => same) || aggregate.Count != raw.Count)
        {
            throw new InvalidOperationException($"raw and {query.Aggregate} give different answers");
        }
    }

    private static bool Same(FleetPoint a, FleetPoint b)
        => a.Bucket == b.Bucket && a.ReadingCount == b.ReadingCount && Math.Abs(a.Average!.Value - b.Average!.Value) < 1e-6;
}
