namespace Tidemark.Configuration;

/// <summary>The exercise's schema, which holds without any file.</summary>
public static class DefaultSchema
{
    public static readonly IReadOnlyList<Metric> Metrics =
    [
        new("temperature", "°C", null, null, new MetricShape(15, 35, Daily: 0.35, Yearly: 0.25, Drift: 0.2, Noise: 0.05)),
        new("humidity", "%", null, null, new MetricShape(30, 80, Daily: -0.35, Yearly: -0.2, Drift: 0.2, Noise: 0.05)),
        new("pressure", "hPa", null, null, new MetricShape(980, 1020, Daily: 0.02, Yearly: 0, Drift: 0.8, Noise: 0.02)),
    ];

    public static readonly IReadOnlyList<(string Name, string Bucket)> Aggregates
        = [("hourly", "1 hour"), ("daily", "1 day"), ("monthly", "1 month")];

    public static readonly IReadOnlySet<string> ReservedAggregates = new HashSet<string> { "raw", "current" };
}
