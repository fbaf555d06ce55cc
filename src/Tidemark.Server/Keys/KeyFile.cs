using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Keys;

/// <summary>
/// The file of API keys, hashed, which its owner alone may read. A running server sees each change with the next request: a key that was
/// revoked
/// opens nothing any more.
/// </summary>
/// <remarks>A key is <c>tmk_ID_SECRET</c>: eight hexadecimal digits that name it, and 32 random bytes in base64url.</remarks>
public sealed class KeyFile(string path)
{
    private const string Prefix = "tmk_";
    private const int IdLength = 8;
    private const int SecretBytes = 32;

    private static readonly byte[] NoHash = new byte[SHA256.HashSizeInBytes];

    private Snapshot _last = new(default, 0, new Dictionary<string, ApiKey>());

    private sealed record Snapshot(DateTime Written, long Length, IReadOnlyDictionary<string, ApiKey> Keys);

    /// <summary>The keys in the order they were made.</summary>
    /// <exception cref="KeyException">The file can't be read.</exception>
    public IReadOnlyList<ApiKey> Keys => [.. Current.Values.OrderBy(k => k.Created.Micros)];

    public bool IsEmpty => Current.Count == 0;

    private IReadOnlyDictionary<string, ApiKey> Current
    {
        get
        {
            var file = new FileInfo(path);
            var last = Volatile.Read(ref _last);
            var (written, length) = file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
            if (written != last.Written || length != last.Length)
            {
                last = new Snapshot(written, length, Read().ToDictionary(k => k.Id));
                Volatile.Write(ref _last, last);
            }

            return last.Keys;
        }
    }

    /// <returns>Null when there is none of that id, or no more.</returns>
    internal ApiKey? Get(string id) => Current.GetValueOrDefault(id);

    /// <summary>Finds what a client sent, in the same time whether the secret is right or wrong.</summary>
    /// <returns>Null for anything but a valid key.</returns>
    public ApiKey? Find(string token)
    {
        if (!token.StartsWith(Prefix, StringComparison.Ordinal) || token.Length <= Prefix.Length + IdLength + 1
            || token[Prefix.Length + IdLength] != '_')
        {
            return null;
        }

        var key = Current.GetValueOrDefault(token.Substring(Prefix.Length, IdLength));
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token[(Prefix.Length + IdLength + 1)..]));
        return CryptographicOperations.FixedTimeEquals(hash, key is null ? NoHash : Convert.FromHexString(key.Hash)) ? key : null;
    }

    /// <summary>Makes a key.</summary>
    /// <returns>The key itself, which is kept nowhere.</returns>
    /// <exception cref="KeyException">There is one of that name, or the file can't be written.</exception>
    public string Add(string name, IReadOnlyList<string> scopes, Instant now)
    {
        var (id, secret) = (Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdLength / 2)), Base64Url.EncodeToString(
            RandomNumberGenerator.GetBytes(SecretBytes)));
        Change(keys => keys.Any(k => k.Name == name)
            ? throw new KeyException($"there is a key '{name}' already: revoke it first, or choose another name")
            : [.. keys, new ApiKey(id, name, scopes, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret))), now)]);
        return $"{Prefix}{id}_{secret}";
    }

    /// <exception cref="KeyException">There is no such key, or the file can't be written.</exception>
    public ApiKey Revoke(string idOrName)
    {
        ApiKey? revoked = null;
        Change(keys =>
        {
            revoked = keys.FirstOrDefault(k => k.Id == idOrName || k.Name == idOrName)
                ?? throw new KeyException($"there is no key '{idOrName}': tidemark key list shows them");
            return [.. keys.Where(k => k != revoked)];
        });
        return revoked!;
    }

    private void Change(Func<ApiKey[], ApiKey[]> change)
    {
        try
        {
            // Two changes at once would lose one of them.
            using var turn = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var keys = change(Read());
            OwnersFile.Write(path, stream => JsonSerializer.Serialize(stream, keys, WireJson.Options));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyException($"the keys in {path} can't be changed: {e.Message}", e);
        }
    }

    private ApiKey[] Read()
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<ApiKey[]>(File.ReadAllBytes(path), WireJson.Options)! : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new KeyException($"the keys in {path} can't be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
