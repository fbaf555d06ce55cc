using System.Globalization;

namespace Tidemark.Cli.Import;

/// <summary>Reads the numbers of a table, and knows the words that stand for no value.</summary>
/// <param name="decimalMark">A point or a comma.</param>
/// <param name="thousands">What stands between groups of digits; null for nothing.</param>
/// <param name="missing">Words that stand for no value, beside those that always do.</param>
internal sealed class NumberText(char decimalMark, char? thousands, IEnumerable<string> missing)
{
    // Those of pandas, in any case.
    private static readonly string[] AlwaysMissing =
    [
        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None",
    ];

    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _missing
        = new HashSet<string>(AlwaysMissing.Concat(missing.Select(word => word.Trim())), StringComparer.OrdinalIgnoreCase)
            .GetAlternateLookup<ReadOnlySpan<char>>();

    public static NumberText Plain { get; } = new('.', null, []);

    public bool IsMissing(ReadOnlySpan<char> field) => field.Trim() is var text && (text.IsEmpty || _missing.Contains(text));

    /// <param name="field">Blanks around it are no part of it.</param>
    /// <param name="value">NaN for none.</param>
    /// <returns>False for what is neither a number nor missing.</returns>
    public bool TryRead(ReadOnlySpan<char> field, out double value)
    {
        value = double.NaN;
        var text = field.Trim();
        if (text.IsEmpty)
        {
            return true;
        }

        // What stands for no value may look like a number, as -999 does.
        if (_missing.Contains(text))
        {
            return true;
        }

        if (decimalMark == '.' && thousands is null)
        {
            return TryParse(text, ref value);
        }

        const int Longest = 400;
        Span<char> plain = stackalloc char[Longest];
        return text.Length <= Longest && TryMakePlain(text, plain, out var length) && TryParse(plain[..length], ref value);
    }

    private static bool TryParse(ReadOnlySpan<char> text, ref double value)
    {
        // .NET ignores NULs at the end of a number.
        if (text.Contains('\0') || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed)
            || double.IsNaN(parsed))
        {
            return false;
        }

        value = parsed;
        return true;
    }

    /// <summary>Writes the number with a point and without marks; false when they don't stand between groups of digits.</summary>
    private bool TryMakePlain(ReadOnlySpan<char> text, Span<char> plain, out int length)
    {
        length = 0;
        var end = text.IndexOfAny(decimalMark, 'e', 'E');
        var whole = end < 0 ? text : text[..end];
        var (group, groups) = (0, 0);
        foreach (var c in whole)
        {
            if (!IsMark(c))
            {
                group += char.IsAsciiDigit(c) ? 1 : 0;
                plain[length++] = c;
            }
            else if (group is 0 or > 3 || (groups > 0 && group < 2))
            {
                return false;
            }
            else
            {
                (group, groups) = (0, groups + 1);
            }
        }

        if (groups > 0 && group != 3)
        {
            return false;
        }

        var rest = end < 0 ? default : text[end..];
        if (decimalMark != '.' && rest.Contains('.'))
        {
            return false;
        }

        rest.CopyTo(plain[length..]);
        plain[length..(length + rest.Length)].Replace(decimalMark, '.');
        length += rest.Length;
        return decimalMark == '.' || !whole.Contains('.') || thousands == '.';
    }

    /// <summary>A blank stands for the narrow and the fixed ones too, which look the same.</summary>
    private bool IsMark(char c) => c == thousands || (thousands == ' ' && c is '\u00A0' or '\u202F' or '\u2009');
}
