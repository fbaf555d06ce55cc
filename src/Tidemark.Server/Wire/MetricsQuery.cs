using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>Which metrics an answer has: <c>metrics=a,b</c>.</summary>
internal static class MetricsQuery
{
    public const string Name = "metrics";

    /// <returns>Null when the parameter is absent.</returns>
    public static IReadOnlyList<string>? Read(IQueryCollection query, List<string> errors)
    {
        if (RangeQuery.Single(query, Name, errors) is not { } text)
        {
            return null;
        }

        var names = text.Split(',', StringSplitOptions.TrimEntries);
        if (names.FirstOrDefault(name => !Identifier.IsValid(name)) is { } wrong)
        {
            errors.Add($"{Name} '{text}' is not a list of metrics such as temperature,humidity: '{wrong}' is no name of one");
        }
        else if (names.Distinct().Count() != names.Length)
        {
            errors.Add($"{Name} '{text}' names a metric twice");
        }

        return names;
    }
}
