namespace Tidemark.Server.Keys;

/// <summary>What a key may do.</summary>
public static class Scope
{
    /// <summary>Every GET but those of <c>/api/admin</c>.</summary>
    public const string Read = "read";

    /// <summary><c>POST /api/readings</c>.</summary>
    public const string Write = "write";

    /// <summary>Everything.</summary>
    public const string Admin = "admin";

    public static IReadOnlyList<string> All { get; } = [Read, Write, Admin];
}

/// <summary>A key as it is kept: nobody can make the key again from it.</summary>
/// <param name="Id">Public, part of the key.</param>
/// <param name="Name">Whose it is or what for; unique.</param>
/// <param name="Scopes">Of <see cref="Scope.All"/>.</param>
/// <param name="Hash">SHA-256 of the secret part, in hexadecimal. It is 256 random bits, so that a slow hash would add nothing.</param>
/// <param name="Created">When it was made.</param>
public sealed record ApiKey(string Id, string Name, IReadOnlyList<string> Scopes, string Hash, Instant Created)
{
    internal bool MayRead => Scopes.Contains(Scope.Read) || Scopes.Contains(Scope.Admin);
}

/// <summary>Keys can't be read or changed: the message is one line for people.</summary>
public sealed class KeyException(string message, Exception? inner = null) : Exception(message, inner);
