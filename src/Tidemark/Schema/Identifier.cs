using System.Text.RegularExpressions;

namespace Tidemark.Schema;

/// <summary>Names of metrics, aggregates, tables and columns: <c>[a-z][a-z0-9_]{0,47}</c>.</summary>
public static partial class Identifier
{
    public const int MaxLength = 48;

    public const string Form = "a lower-case letter, then up to 47 lower-case letters, digits or underscores";

    public static bool IsValid(ReadOnlySpan<char> name) => Pattern().IsMatch(name);

    /// <summary>The one place where a name enters SQL text.</summary>
    public static string Quote(string name)
        => IsValid(name) ? $"\"{name}\"" : throw new ArgumentException($"'{name}' is not an identifier: {Form}", nameof(name));

    [GeneratedRegex("^[a-z][a-z0-9_]{0,47}\\z")]
    private static partial Regex Pattern();
}
