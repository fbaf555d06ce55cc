using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>Which metrics an answer has: <c>metrics=a,b</c>.</summary>
internal static class MetricsQuery
{
    public const string Name = "metrics";

    /// <returns>Null when the parameter is absent.</returns>
    public static IReadOnlyList<string>? Read(IQueryCollection query, List<string> errors)
        => MetricList.Parse(Name, RangeQuery.Single(query, Name, errors), errors);
}
