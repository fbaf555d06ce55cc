using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tidemark.Server.Wire;

/// <summary>Names of members that rows are written with.</summary>
internal static class Names
{
    public const string ReadingCount = "reading_count";

    public static readonly JsonEncodedText Time = Encode("time");

    public static JsonEncodedText[] Encode(IReadOnlyList<string> names) => [.. names.Select(Encode)];

    private static JsonEncodedText Encode(string name) => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
}
