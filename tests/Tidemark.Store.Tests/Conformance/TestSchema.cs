namespace Tidemark.Store.Tests.Conformance;

/// <summary>The schema of the suites: two metrics, three levels of aggregates and one with extra columns.</summary>
public static class TestSchema
{
    public static readonly Metric Temperature = Metric("temperature");
    public static readonly Metric Humidity = Metric("humidity");

    /// <summary>The extra columns' expressions as delegates over a bucket's readings, for the reference.</summary>
    public static readonly IReadOnlyDictionary<string, Func<IReadOnlyList<Reading>, double>> Expressions
        = new Dictionary<string, Func<IReadOnlyList<Reading>, double>>
        {
            ["MAX(temperature)"] = readings => Fold(readings, Math.Max),
            ["MIN(temperature)"] = readings => Fold(readings, Math.Min),
            ["MAX(temperature) - MIN(temperature)"] = readings => Fold(readings, Math.Max) - Fold(readings, Math.Min),
        };

    public static readonly IReadOnlyList<ExtraColumn> PeakColumns =
    [
        new("max_temp", "MAX(temperature)"), new("min_temp", "MIN(temperature)"), new(
            "temperature_range",
            "MAX(temperature) - MIN(temperature)"),
    ];

    public static readonly TelemetrySchema Default = Create([Temperature, Humidity], Chain());

    public static Metric Metric(string name) => new(name, "", null, null, new MetricShape(0, 100, 0.3, 0.2, 0.2, 0.1));

    /// <summary>hourly, daily from it, monthly from that, and peak_hours by day from raw.</summary>
    public static IReadOnlyList<AggregateEntry> Chain(TimeSpan? hourlyRetention = null, TimeSpan? dailyRetention = null) =>
    [
        new("hourly", "1 hour", null, hourlyRetention), new("daily", "1 day", "hourly", dailyRetention), new("monthly", "1 month", "daily"),
        new("peak_hours", "1 day", null, Columns: PeakColumns),
    ];

    public static TelemetrySchema Create(IReadOnlyList<Metric> metrics, IEnumerable<AggregateEntry> entries)
    {
        var aggregates = new List<AggregateDefinition>();
        foreach (var entry in entries)
        {
            Assert.True(BucketWidth.TryParse(entry.Bucket, out var bucket));
            var source = entry.Source is null ? null : aggregates.Single(a => a.Name == entry.Source);
            aggregates.Add(new AggregateDefinition(
                entry.Name, $"sensor_data_{entry.Name}", "bucket", bucket, source, entry.Columns ?? [], entry.Retention));
        }

        return new TelemetrySchema(metrics, aggregates);
    }

    private static double Fold(IReadOnlyList<Reading> readings, Func<double, double, double> choose)
        => readings.Select(r => r.Values[0]).Where(v => !double.IsNaN(v)).DefaultIfEmpty(double.NaN).Aggregate(choose);
}

/// <param name="Name">Its name.</param>
/// <param name="Bucket">Its width as text.</param>
/// <param name="Source">The aggregate it is built from, which stands before it; null for raw.</param>
/// <param name="Retention">Null for ever.</param>
/// <param name="Columns">Extra ones.</param>
public sealed record AggregateEntry(
    string Name, string Bucket, string? Source = null, TimeSpan? Retention = null, IReadOnlyList<ExtraColumn>? Columns = null);
