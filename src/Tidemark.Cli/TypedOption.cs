using System.CommandLine;
using System.Globalization;

namespace Tidemark.Cli;

/// <summary>Options whose values are checked while parsing, each error naming the option, the value and what is wanted.</summary>
internal static class TypedOption
{
    public static Option<int> Whole(string name, int fallback, int least, int most, string description) => new(name)
    {
        Description = $"{description} Default {fallback}.",
        HelpName = "N",
        DefaultValueFactory = _ => fallback,
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < least || value > most)
            {
                result.AddError(
                    string.Create(CultureInfo.InvariantCulture, $"{name} '{text}' is not a whole number from {least} to {most}"));
            }

            return value;
        },
    };

    /// <summary>A fraction, 0 to 1 and 0 unless given.</summary>
    public static Option<double> Share(string name, string description) => new(name)
    {
        Description = $"{description} 0 to 1, default 0.",
        HelpName = "F",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
                || value is not (>= 0 and <= 1))
            {
                result.AddError($"{name} '{text}' is not a number from 0 to 1");
            }

            return value;
        },
    };

    /// <summary>RFC 3339 with a zone, or epoch milliseconds.</summary>
    public static Option<Instant?> Time(string name, string description) => new(name)
    {
        Description = $"{description} RFC 3339 with a zone, or epoch milliseconds.",
        HelpName = "TIME",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!Instant.TryParse(text, out var instant))
            {
                result.AddError($"{name} '{text}' is not a time such as 2026-01-31T10:00:00Z, or epoch milliseconds");
            }

            return instant;
        },
    };
}
