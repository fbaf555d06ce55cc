using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Tidemark.Server.Page;

/// <summary>A file of the page, compressed once for all who ask.</summary>
internal sealed class PageFile(string contentType, byte[] bytes)
{
    private readonly Lazy<byte[]> _brotli = new(() => Compress(bytes, s => new BrotliStream(s, CompressionLevel.Optimal)));
    private readonly Lazy<byte[]> _gzip = new(() => Compress(bytes, s => new GZipStream(s, CompressionLevel.Optimal)));
    private readonly string _tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 12))}\"";

    /// <param name="context">The request to answer.</param>
    /// <param name="cacheControl">How long a browser may use it without asking.</param>
    public async Task WriteAsync(HttpContext context, string cacheControl)
    {
        var (request, response) = (context.Request, context.Response);
        response.Headers.CacheControl = cacheControl;
        response.Headers.Append(HeaderNames.Vary, HeaderNames.AcceptEncoding);
        var (encoding, body) = Choose(request);
        // Each form is another answer to a cache.
        var tag = encoding is null ? _tag : $"{_tag[..^1]}-{encoding}\"";
        response.Headers.ETag = tag;
        // Of a 304 too: what a browser has is then under this answer's policy.
        response.ContentType = contentType;
        if (request.Headers.IfNoneMatch.Contains(tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.Headers.ContentEncoding = encoding;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }

    private (string? Encoding, byte[] Body) Choose(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().AcceptEncoding.Where(e => e.Quality is not 0).Select(e => e.Value.ToString()).ToList();
        return accepted.Contains("br", StringComparer.OrdinalIgnoreCase) ? ("br", _brotli.Value)
            : accepted.Contains("gzip", StringComparer.OrdinalIgnoreCase) ? ("gzip", _gzip.Value)
            : (null, bytes);
    }

    private static byte[] Compress(byte[] bytes, Func<Stream, Stream> open)
    {
        using var result = new MemoryStream();
        using (var compressing = open(result))
        {
            compressing.Write(bytes);
        }

        return result.ToArray();
    }
}
