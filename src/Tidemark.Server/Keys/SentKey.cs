using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Tidemark.Server.Lines;

namespace Tidemark.Server.Keys;

/// <summary>
/// Finds the key in a request. Everywhere it is <c>Authorization: Bearer KEY</c>. Where clients of InfluxDB write, it may also be a token,
/// or the password of Basic or of the query, whoever the user is: these clients send nothing else.
/// </summary>
internal static class SentKey
{
    private const string Bearer = "Bearer ";
    private const string Token = "Token ";
    private const string Basic = "Basic ";

    /// <returns>Null when there is none.</returns>
    public static string? Find(HttpRequest request)
    {
        var header = request.Headers[HeaderNames.Authorization].ToString();
        if (After(header, Bearer) is { } bearer)
        {
            return bearer;
        }

        if (ApiVersions.Of(request.Path) is null)
        {
            return null;
        }

        return After(header, Token) is { } token ? Password(token)
            : After(header, Basic) is { } basic ? Password(Decode(basic))
            : request.Query.TryGetValue("p", out var password) ? password.ToString() : null;
    }

    private static string? After(string header, string scheme)
        => header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? header[scheme.Length..].Trim() : null;

    /// <summary>What follows the user; a key has no colon.</summary>
    private static string Password(string text) => text[(text.IndexOf(':') + 1)..];

    private static string Decode(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : "";
    }
}
