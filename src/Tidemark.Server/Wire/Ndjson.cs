using System.Net.Http.Headers;

namespace Tidemark.Server.Wire;

internal static class Ndjson
{
    public const string ContentType = "application/x-ndjson";

    /// <summary>The media type of a content type header, in lower case, or null.</summary>
    public static string? MediaType(string? contentType)
        => MediaTypeHeaderValue.TryParse(contentType, out var header) ? header.MediaType?.ToLowerInvariant() : null;

    /// <summary>The three names in use.</summary>
    public static bool IsNdjson(string? mediaType) => mediaType is ContentType or "application/ndjson" or "application/jsonl";
}
