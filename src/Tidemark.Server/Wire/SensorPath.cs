using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Tidemark.Server.Wire;

/// <summary>
/// The sensor id of <c>/api/sensors/{id}/…</c>, percent-decoded exactly once. Route values can't tell <c>a%2Fb</c> from
/// <c>a%252Fb</c>, so it is taken from the request target as it was sent.
/// </summary>
internal static class SensorPath
{
    // "", "api", "sensors", id, view
    private const int IdSegment = 3;
    private const int SegmentCount = 5;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>The id, valid when nothing was added to <paramref name="errors"/>.</returns>
    public static string Read(HttpContext context, List<string> errors)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!TryTakeSegment(target, out var segment))
        {
            errors.Add("the path must be /api/sensors/ID/VIEW without dot segments");
            return "";
        }

        if (!TryDecode(segment, out var id))
        {
            errors.Add("sensor_id in the path is not percent-encoded UTF-8");
            return "";
        }

        if (SensorId.Check(id) is { } error)
        {
            errors.Add(error);
        }

        return id;
    }

    private static bool TryTakeSegment(string target, out string segment)
    {
        // A proxy's request may carry the whole address.
        var start = target.StartsWith('/') ? 0 : target.IndexOf('/', target.IndexOf("://", StringComparison.Ordinal) + 3);
        var segments = target[start..].Split('?', 2)[0].Split('/');
        var count = segments[^1].Length == 0 ? segments.Length - 1 : segments.Length;
        segment = count == SegmentCount ? segments[IdSegment] : "";
        return count == SegmentCount;
    }

    private static bool TryDecode(string segment, out string text)
    {
        text = "";
        var bytes = new byte[segment.Length];
        var length = 0;
        for (var i = 0; i < segment.Length; i++)
        {
            if (segment[i] > 0x7F)
            {
                return false;
            }

            bytes[length] = (byte)segment[i];
            if (segment[i] == '%')
            {
                if (i + 2 >= segment.Length || Convert.FromHexString(
                    segment.AsSpan(i + 1, 2),
                    bytes.AsSpan(length),
                    out _,
                    out _) != System.Buffers.OperationStatus.Done)
                {
                    return false;
                }

                i += 2;
            }

            length++;
        }

        try
        {
            text = StrictUtf8.GetString(bytes, 0, length);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
