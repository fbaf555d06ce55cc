using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Tidemark.Alerts;

/// <summary>
/// Signs what webhooks send, as Standard Webhooks 1.0.0 says: HMAC-SHA256 of the message's id, the time and the body, with a full stop
/// between them (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
/// </summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";

    public const string SecretForm = "whsec_ and 24 to 64 random bytes in base64; several with blanks between them";

    private const string Prefix = "whsec_";
    private const int LeastBytes = 24;
    private const int MostBytes = 64;

    /// <summary>Reads one secret, or several while one replaces another.</summary>
    public static bool TryReadSecret(string text, out IReadOnlyList<byte[]> keys)
    {
        var found = new List<byte[]>();
        keys = found;
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(word.Length) + 2];
            if (!word.StartsWith(Prefix, StringComparison.Ordinal)
                || !Convert.TryFromBase64String(word[Prefix.Length..], bytes, out var count)
                || count is < LeastBytes or > MostBytes)
            {
                return false;
            }

            found.Add(bytes[..count]);
        }

        return found.Count > 0;
    }

    /// <summary>The value of the header: a signature for each key.</summary>
    /// <param name="keys">See <see cref="TryReadSecret"/>.</param>
    /// <param name="id">Of the message, without a full stop.</param>
    /// <param name="seconds">Of the attempt, since 1970.</param>
    /// <param name="body">As it is sent.</param>
    public static string Sign(IReadOnlyList<byte[]> keys, string id, long seconds, string body)
    {
        var signed = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{seconds}.{body}"));
        return string.Join(' ', keys.Select(key => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}"));
    }
}
