using System.Net.Http.Headers;

namespace Tidemark.Server.Wire;

internal static class Ndjson
{
    public const string ContentType = "application/x-ndjson";

    /// <summary>The media type of a content type header, in lower case, or null.</summary>
    public static string? MediaType(string? contentType)
        => MediaTypeHeaderValue.TryParse(contentType, out var header) ? header.MediaType?.ToLowerInvariant() : null;

    /// <summary>Whether a content type header names no character set but UTF-8, or ASCII as a part of it.</summary>
    public static bool IsUtf8(string? contentType)
        => !MediaTypeHeaderValue.TryParse(contentType, out var header)
            || header.CharSet?.Trim('"').ToLowerInvariant() is null or "utf-8" or "utf8" or "us-ascii";

    /// <summary>The three names in use.</summary>
    public static bool IsNdjson(string? mediaType) => mediaType is ContentType or "application/ndjson" or "application/jsonl";
}
