namespace Tidemark.Benchmarks;

/// <summary>A question about one sensor, asked in each layer.</summary>
/// <param name="Name">For the report.</param>
/// <param name="Bound">Milliseconds, for the median through HTTP.</param>
/// <param name="Path">The request for a sensor's id.</param>
/// <param name="Store">The same by <see cref="ITelemetryStore"/>; answers the rows read.</param>
/// <param name="Driver">The same as SQL on the embedded engine's tables; null where the engine answers from memory.</param>
/// <param name="Least">An answer with fewer rows is wrong.</param>
internal sealed record SensorQuery(
    string Name, double Bound, Func<string, string> Path, Func<ITelemetryStore, string, CancellationToken, Task<int>> Store,
    DriverQuery? Driver, int Least)
{
    private const double AggregateBound = 2;
    private const double RawBound = 6;

    /// <summary>A day closed for longer than chunks wait for compression, as UTC has it.</summary>
    public const int CompressedDaysAgo = 9;

    public static SensorQuery RawLastDay(Instant now, string name)
        => Raw(name, id => $"/api/sensors/{id}/raw?period=1d", Period.Parse("1d").Until(now));

    public static IReadOnlyList<SensorQuery> All(Instant now, int sensors) =>
    [
        Aggregate("week of hours", "hourly", "1w", now, 24 * 6),
        Aggregate("month of days", "daily", "1m", now, 9),
        Aggregate("year of months", "monthly", "1y", now, 1),
        new(
            "current",
            AggregateBound,
            id => $"/api/sensors/{id}/current",
            async (store, id, token) => (await store.ReadCurrentAsync(id, token)).MetricCount,
            null,
            1),
        RawCompressed(now),
        RawLastDay(now, "raw last day, after maintenance"),
        new(
            $"`/api/sensors` with {sensors} sensors",
            10,
            _ => "/api/sensors",
            async (store, _, token) => (await store.ReadSensorsAsync(token).ToListAsync(token)).Count,
            null,
            sensors),
    ];

    private static SensorQuery Aggregate(string name, string aggregate, string period, Instant now, int least)
    {
        var range = Period.Parse(period).Until(now);
        return new(
            name, AggregateBound, id => $"/api/sensors/{id}/{aggregate}?period={period}", (store, id, token) => CountAsync(
                store,
                new AggregateQuery(aggregate, id, range),
                token),
            new DriverQuery(aggregate, range), least);
    }

    private static SensorQuery RawCompressed(Instant now)
    {
        var from = BucketWidth.Fixed(TimeSpan.FromDays(1)).Floor(now) - TimeSpan.FromDays(CompressedDaysAgo);
        var range = new TimeRange(from, from + TimeSpan.FromDays(1));
        return Raw("raw day, compressed", id => $"/api/sensors/{id}/raw?from={range.From}&to={range.To}", range);
    }

    private static SensorQuery Raw(string name, Func<string, string> path, TimeRange range)
        => new(name, RawBound, path, (store, id, token) => CountAsync(store, id, range, token), new DriverQuery(null, range), 1400);

    private static async Task<int> CountAsync(ITelemetryStore store, AggregateQuery query, CancellationToken cancellationToken)
    {
        var rows = 0;
        await using var reader = await store.ReadAggregateAsync(query, cancellationToken);
        await foreach (var batch in reader.Rows.WithCancellation(cancellationToken))
        {
            rows += batch.Count;
        }

        return rows;
    }

    private static async Task<int> CountAsync(ITelemetryStore store, string id, TimeRange range, CancellationToken cancellationToken)
    {
        var rows = 0;
        await foreach (var batch in store.ReadRawAsync(new RawQuery(id, range), cancellationToken))
        {
            rows += batch.Count;
        }

        return rows;
    }
}
