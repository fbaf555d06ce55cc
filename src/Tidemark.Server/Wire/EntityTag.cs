using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Tidemark.Server.Wire;

/// <summary>
/// Names an answer by its bytes, so that a client that has them is told so and sent nothing (RFC 9110, 13.1.2). Another answer has another
/// name, whatever changed it.
/// </summary>
internal static class EntityTag
{
    private const int HashBytes = 16;

    /// <summary>Sends the answer with its tag, or 304. One of which something is sent already ends without.</summary>
    public static ValueTask CompleteTaggedAsync(this AnswerWriter answer, HttpContext context, CancellationToken cancellationToken)
    {
        if (answer.IsSent)
        {
            return answer.CompleteAsync(cancellationToken);
        }

        // It is weak, since it stays the same when the answer is compressed on its way.
        var tag = new EntityTagHeaderValue(Hash(answer.Written.Span), isWeak: true);
        context.Response.Headers.ETag = tag.ToString();
        var known = context.Request.GetTypedHeaders().IfNoneMatch;
        if (!known.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(tag, useStrongComparison: false)))
        {
            return answer.CompleteAsync(cancellationToken);
        }

        context.Response.StatusCode = StatusCodes.Status304NotModified;
        context.Response.ContentType = null;
        return ValueTask.CompletedTask;
    }

    private static string Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return $"\"{Base64Url.EncodeToString(hash[..HashBytes])}\"";
    }
}
