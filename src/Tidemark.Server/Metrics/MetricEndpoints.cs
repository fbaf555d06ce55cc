using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Tidemark.Server.OpenApi;

namespace Tidemark.Server.Metrics;

/// <summary>Every metric that the store has.</summary>
/// <param name="Metrics">The configured ones in their order, then others as they came.</param>
/// <param name="Count">How many.</param>
public sealed record MetricsAnswer(IReadOnlyList<MetricAnswer> Metrics, int Count)
{
    internal static async Task<MetricsAnswer> OfAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var metrics = await store.ListMetricsAsync(cancellationToken);
        return new MetricsAnswer(
            [.. metrics.Select(m => new MetricAnswer(m.Metric.Name, m.Metric.Unit, m.Metric.IsConfigured, m.FirstSeen, m.Sensors))],
            metrics.Count);
    }
}

/// <param name="Name">In readings and answers.</param>
/// <param name="Unit">As configured; may be empty.</param>
/// <param name="Configured">Whether the configuration declares it: then it stands in all answers.</param>
/// <param name="FirstSeen">When a reading with a value of it was first written; null when none was, or before stores note it.</param>
/// <param name="Sensors">How many sensors ever sent it.</param>
public sealed record MetricAnswer(string Name, string Unit, bool Configured, Instant? FirstSeen, int Sensors);

internal static class MetricEndpoints
{
    public static void MapMetrics(this IEndpointRouteBuilder app)
        => app.MapGet("/api/metrics", MetricsAnswer.OfAsync)
            .Describe(
                "Sensors",
                "Lists every metric",
                "The configured ones in their order, then those that came with readings, as they came.");
}
