using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>Which metrics an answer has: <c>metrics=a,b</c>.</summary>
internal static class MetricsQuery
{
    public const string Name = "metrics";

    /// <returns>Null when the parameter is absent.</returns>
    public static IReadOnlyList<string>? Read(IQueryCollection query, List<string> errors)
        => MetricList.Parse(Name, RangeQuery.Single(query, Name, errors), errors);

    /// <summary>The one of <c>metric=a</c>, or else the first.</summary>
    public static string ReadOne(IQueryCollection query, TelemetrySchema schema, List<string> errors)
    {
        var metric = RangeQuery.Single(query, "metric", errors) ?? schema.Metrics[0].Name;
        if (schema.MetricIndex(metric) < 0)
        {
            errors.Add(StoreException.UnknownMetric(metric, schema).Message);
        }

        return metric;
    }
}
