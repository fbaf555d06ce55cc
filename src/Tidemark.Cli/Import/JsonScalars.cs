using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tidemark.Cli.Import;

/// <summary>Reads a value that a JSON reader stands at; what is returned is null, or what is wrong.</summary>
internal static class JsonScalars
{
    /// <param name="reader">At the value.</param>
    /// <param name="name">For the error.</param>
    /// <param name="text">A text, or a number as it stands there; null where there is null.</param>
    public static string? ReadText(ref Utf8JsonReader reader, ReadOnlySpan<char> name, out string? text)
    {
        text = reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Number => Encoding.UTF8.GetString(reader.ValueSpan),
            _ => null,
        };
        return text is not null || reader.TokenType == JsonTokenType.Null
            ? null
            : $"{name} is {Describe(reader.TokenType)}, not a text or a number";
    }

    /// <param name="reader">At the value.</param>
    /// <param name="name">For the error.</param>
    /// <param name="numbers">Reads those in texts.</param>
    /// <param name="value">NaN where there is null.</param>
    public static string? ReadValue(ref Utf8JsonReader reader, ReadOnlySpan<char> name, NumberText numbers, out double value)
    {
        value = double.NaN;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.True or JsonTokenType.False:
                value = reader.GetBoolean() ? 1 : 0;
                return null;
            case JsonTokenType.Number:
                value = double.Parse(reader.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);
                return double.IsFinite(value)
                    ? null
                    : $"{name} {ImportTime.Shown(Encoding.UTF8.GetString(reader.ValueSpan))} is too large for a double";
            case JsonTokenType.String:
                var text = reader.GetString();
                return numbers.TryRead(text, out value) ? null : $"{name} '{ImportTime.Shown(text)}' is not a number such as -12.5";
            default:
                return $"{name} is {Describe(reader.TokenType)}, not a number";
        }
    }

    public static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}
