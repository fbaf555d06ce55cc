using System.Collections.Frozen;

namespace Tidemark.Schema;

/// <summary>Makes names of metrics from what devices call their values.</summary>
public static class MetricName
{
    public const string Form = "1 to 48 letters (a to z) and digits";

    private const char FirstCombiningMark = '\u0300';
    private const char LastCombiningMark = '\u036F';

    // Without ICU, which the runtime's image doesn't have, .NET can't take letters and their marks apart.
    private static readonly (string Plain, string Letters)[] Folded =
    [
        ("a", "àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ"),
        ("b", "ḃḅḇ"),
        ("c", "çćĉċčḉ"),
        ("d", "ďḋḍḏḑḓđð"),
        ("e", "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ"),
        ("f", "ḟ"),
        ("g", "ĝğġģǧǵḡ"),
        ("h", "ĥȟḣḥḧḩḫẖħ"),
        ("i", "ìíîïĩīĭįǐȉȋḭḯỉịı"),
        ("j", "ĵǰ"),
        ("k", "ķǩḱḳḵ"),
        ("l", "ĺļľḷḹḻḽł"),
        ("m", "ḿṁṃ"),
        ("n", "ñńņňǹṅṇṉṋ"),
        ("o", "òóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợø"),
        ("p", "ṕṗ"),
        ("r", "ŕŗřȑȓṙṛṝṟ"),
        ("s", "śŝşšșṡṣṥṧṩ"),
        ("t", "ţťțṫṭṯṱẗŧ"),
        ("u", "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữựµμ"),
        ("v", "ṽṿ"),
        ("w", "ŵẁẃẅẇẉẘ"),
        ("x", "ẋẍₓ"),
        ("y", "ýÿŷȳẏẙỳỵỷỹ"),
        ("z", "źżžẑẓẕ"),
        ("0", "⁰₀"),
        ("1", "¹₁"),
        ("2", "²₂"),
        ("3", "³₃"),
        ("4", "⁴₄"),
        ("5", "⁵₅"),
        ("6", "⁶₆"),
        ("7", "⁷₇"),
        ("8", "⁸₈"),
        ("9", "⁹₉"),
        ("ss", "ß"), ("ae", "æ"), ("oe", "œ"), ("th", "þ"),
    ];

    private static readonly FrozenDictionary<char, string> Plain
        = Folded.SelectMany(row => row.Letters, (row, letter) => (letter, row.Plain)).ToFrozenDictionary(p => p.letter, p => p.Plain);

    /// <summary>
    /// An <see cref="Identifier"/> stays as it is. Of other names letters become lower case and lose their marks (<c>é</c> is <c>e</c>,
    /// <c>ß</c> is <c>ss</c>, <c>µ</c> is <c>u</c>, <c>³</c> is <c>3</c>), digits stay, everything between them becomes one underscore,
    /// and at the ends nothing. What then begins with a digit gets <c>m_</c> before it.
    /// </summary>
    /// <returns>Null when nothing is left or more than <see cref="Identifier.MaxLength"/> characters are: a shortened name could be
    /// another one's.</returns>
    public static string? From(ReadOnlySpan<char> name)
    {
        if (Identifier.IsValid(name))
        {
            return name.ToString();
        }

        Span<char> made = stackalloc char[Identifier.MaxLength];
        var length = 0;
        var isBetween = false;
        foreach (var c in name)
        {
            if (c is >= FirstCombiningMark and <= LastCombiningMark)
            {
                continue;
            }

            var lower = char.ToLowerInvariant(c);
            var isPlain = char.IsAsciiLetterLower(lower) || char.IsAsciiDigit(lower);
            var letters = isPlain ? [lower] : Plain.TryGetValue(lower, out var plain) ? plain.AsSpan() : [];
            if (letters.IsEmpty)
            {
                isBetween = true;
                continue;
            }

            var before = length == 0 ? (char.IsAsciiDigit(letters[0]) ? "m_" : "") : isBetween ? "_" : "";
            if (length + before.Length + letters.Length > made.Length)
            {
                return null;
            }

            before.CopyTo(made[length..]);
            letters.CopyTo(made[(length + before.Length)..]);
            length += before.Length + letters.Length;
            isBetween = false;
        }

        return length == 0 ? null : made[..length].ToString();
    }
}
