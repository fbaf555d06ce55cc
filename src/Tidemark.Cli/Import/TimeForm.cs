using System.Text;
using System.Text.RegularExpressions;

namespace Tidemark.Cli.Import;

/// <summary>Forms of times: those of .NET, such as <c>dd/MM/yyyy HH:mm</c>, and of strptime, such as <c>%d/%m/%Y %H:%M</c>.</summary>
internal static partial class TimeForm
{
    /// <returns>The form as .NET takes it; null when it is none.</returns>
    public static string? Parse(string form)
    {
        var parsed = form.Contains('%') ? FromStrptime(form) : UtcMark().Replace(form, "K");
        parsed = parsed is null ? null : Blanks().Replace(parsed, " ");
        return parsed is not null && Year().IsMatch(parsed) && parsed.Length > 1 ? parsed : null;
    }

    /// <summary>One blank for many, and a zone as <c>+01:00</c> or <c>Z</c> directly behind the time of day.</summary>
    public static string Normalize(ReadOnlySpan<char> text)
    {
        var normal = Blanks().Replace(text.ToString(), " ");
        normal = Utc().Replace(normal, "Z");
        return Offset().Replace(normal, m => $"{m.Groups[1].Value}{m.Groups[2].Value}:{(m.Groups[3].Success ? m.Groups[3].Value : "00")}");
    }

    private static string? FromStrptime(string form)
    {
        var made = new StringBuilder();
        for (var i = 0; i < form.Length; i++)
        {
            if (form[i] != '%')
            {
                made.Append(char.IsLetter(form[i]) ? $"'{form[i]}'" : form[i].ToString());
                continue;
            }

            i++;
            var part = i == form.Length ? null : form[i] switch
            {
                'Y' => "yyyy",
                'y' => "yy",
                'm' => "M",
                'd' => "d",
                'b' => "MMM",
                'B' => "MMMM",
                'a' => "ddd",
                'A' => "dddd",
                'H' => "H",
                'I' => "h",
                'p' => "tt",
                'M' => "mm",
                'S' => "ss",
                'f' => "FFFFFFF",
                'z' => "K",
                'Z' => "K",
                'F' => "yyyy-M-d",
                'T' => "H:mm:ss",
                _ => null,
            };
            if (part is null)
            {
                return null;
            }

            // Without separators a number has all of its digits.
            var alone = part is "M" or "d" or "H" or "h" && ((i + 1 < form.Length && form[i + 1] == '%') || (i >= 3 && form[i - 3] == '%'));
            made.Append(alone ? $"{part}{part}" : part);
        }

        return made.ToString();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex("y")]
    private static partial Regex Year();

    // Z at the end of a form means UTC, and would stand for nothing.
    [GeneratedRegex("'?Z'?$")]
    private static partial Regex UtcMark();

    [GeneratedRegex("(?<=[0-9]) ?(UTC|GMT|Z|z)$")]
    private static partial Regex Utc();

    // Only what follows a time of day: a date ends like an offset.
    [GeneratedRegex("^(.*[:T][0-9][0-9:.,]*) ?([+-][0-9]{2}):?([0-9]{2})?$")]
    private static partial Regex Offset();
}
