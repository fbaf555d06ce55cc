using System.Text;

namespace Tidemark.Ingest;

/// <summary>What was sent comes back in an error, but never at any length or over several lines.</summary>
internal static class Sent
{
    private const int Longest = 60;

    public static string Shorten(string text, int longest = Longest)
    {
        var end = text.Length > longest && char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest;
        var shown = text.Length <= longest ? text : $"{text.AsSpan(0, end)}…";
        return string.Concat(shown.Select(c => char.IsControl(c) ? '�' : c));
    }

    public static string Shorten(ReadOnlySpan<byte> utf8, int longest = Longest)
    {
        // No character is longer than four bytes.
        var begin = utf8[..Math.Min(utf8.Length, 4 * (longest + 1))];
        return Shorten(Encoding.UTF8.GetString(begin), longest);
    }
}
