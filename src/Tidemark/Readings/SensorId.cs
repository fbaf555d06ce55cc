using System.Globalization;
using System.Text;

namespace Tidemark.Readings;

/// <summary>
/// What a sensor id may be: 1 to 50 code points, no control characters, not <c>.</c> or <c>..</c>; case-sensitive, not normalised.
/// </summary>
public static class SensorId
{
    public const int MaxLength = 50;

    /// <summary>By code points, as UTF-8 orders bytes and databases order text by the collation C.</summary>
    public static IComparer<string> Order { get; } = Comparer<string>.Create(Compare);

    /// <returns>Null when the id is valid, else what is wrong with it.</returns>
    public static string? Check(string? id)
    {
        if (string.IsNullOrEmpty(id))
        {
            return "sensor_id is missing or empty";
        }

        if (id is "." or "..")
        {
            return $"sensor_id '{id}' is reserved";
        }

        if (id.Length <= MaxLength && !id.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return null;
        }

        var length = 0;
        for (var i = 0; i < id.Length; length++)
        {
            if (Rune.DecodeFromUtf16(id.AsSpan(i), out var rune, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return "sensor_id is not valid Unicode";
            }

            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.Control)
            {
                return "sensor_id has a control character";
            }

            i += consumed;
        }

        return length > MaxLength ? $"sensor_id is longer than {MaxLength} characters" : null;
    }

    private static int Compare(string a, string b)
    {
        var same = a.AsSpan().CommonPrefixLength(b);
        if (same == a.Length || same == b.Length)
        {
            return a.Length - b.Length;
        }

        // A pair of surrogates stands for a code point behind all others.
        var (x, y) = (a[same], b[same]);
        return char.IsSurrogate(x) == char.IsSurrogate(y) ? x - y : char.IsSurrogate(x) ? 1 : -1;
    }
}
