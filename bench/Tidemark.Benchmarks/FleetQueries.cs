namespace Tidemark.Benchmarks;

/// <summary>Query 1 and Query 2 of the exercise over all sensors, from raw readings and from aggregates.</summary>
internal static class FleetQueries
{
    private const int RawRuns = 5;
    private const int AggregateRuns = 25;

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(ITelemetryStore store, DataSet data, CancellationToken cancellationToken)
    {
        Report.Note("fleet: Query 1 and 2");
        return
        [
            await CompareAsync(store, "Query 1 (30 days by hour)", new FleetQuery("hourly", "temperature", Period.Parse("30d").Until(data.End)), 50, cancellationToken),
            await CompareAsync(store, "Query 2 (a year by day)", new FleetQuery("daily", "temperature", Period.Parse("1y").Until(data.End)), 100, cancellationToken),
        ];
    }

    private static async Task<Figure> CompareAsync(ITelemetryStore store, string name, FleetQuery query, double bound, CancellationToken cancellationToken)
    {
        var fromAggregate = await TimeAsync(store, query, AggregateRuns, cancellationToken);
        var fromRaw = await TimeAsync(store, query with { FromRaw = true }, RawRuns, cancellationToken);
        await RequireSameAsync(store, query, cancellationToken);
        return Figure.AtLeast(
            $"{name}, raw not yet compressed against aggregate", fromRaw.Median / fromAggregate.Median, bound, "×",
            $"{Figure.Millis(fromRaw.Median)} against {Figure.Millis(fromAggregate.Median)}");
    }

    private static Task<Samples> TimeAsync(ITelemetryStore store, FleetQuery query, int runs, CancellationToken cancellationToken)
        => Samples.MeasureAsync(1, runs, _ => store.ReadFleetAsync(query, cancellationToken), cancellationToken);

    /// <summary>A fast wrong answer is none: both ways must give the same points.</summary>
    private static async Task RequireSameAsync(ITelemetryStore store, FleetQuery query, CancellationToken cancellationToken)
    {
        var aggregate = await store.ReadFleetAsync(query, cancellationToken);
        var raw = await store.ReadFleetAsync(query with { FromRaw = true }, cancellationToken);
        if (aggregate.Count == 0 || !aggregate.Zip(raw, Same).All(same => same) || aggregate.Count != raw.Count)
        {
            throw new InvalidOperationException($"raw and {query.Aggregate} give different answers");
        }
    }

    private static bool Same(FleetPoint a, FleetPoint b)
        => a.Bucket == b.Bucket && a.ReadingCount == b.ReadingCount && Math.Abs(a.Average!.Value - b.Average!.Value) < 1e-6;
}
