namespace Tidemark.Schema;

/// <summary>Names of metrics as a caller lists them: <c>temperature,humidity</c>.</summary>
public static class MetricList
{
    /// <param name="name">What the list is called, for errors.</param>
    /// <param name="text">The list; null for none.</param>
    /// <param name="errors">Takes what is wrong with it.</param>
    public static IReadOnlyList<string>? Parse(string name, string? text, List<string> errors)
    {
        if (text is null)
        {
            return null;
        }

        var names = text.Split(',', StringSplitOptions.TrimEntries);
        if (names.FirstOrDefault(n => !Identifier.IsValid(n)) is { } wrong)
        {
            errors.Add($"{name} '{text}' is not a list of metrics such as temperature,humidity: '{wrong}' is no name of one");
        }
        else if (names.Distinct().Count() != names.Length)
        {
            errors.Add($"{name} '{text}' names a metric twice");
        }

        return names;
    }
}
