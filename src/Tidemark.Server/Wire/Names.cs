using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tidemark.Server.Wire;

/// <summary>Property names that rows are written with, encoded once for an answer.</summary>
internal static class Names
{
    public static readonly JsonEncodedText Time = Encode("time");
    public static readonly JsonEncodedText Average = Encode("average");
    public static readonly JsonEncodedText ReadingCount = Encode("reading_count");

    public static JsonEncodedText[] Encode(IReadOnlyList<string> names) => [.. names.Select(Encode)];

    private static JsonEncodedText Encode(string name) => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
}
