using System.Text.RegularExpressions;

namespace Tidemark.Configuration;

public enum StoreKind
{
    DuckDb,
    Timescale,
    Http,
}

/// <summary>Names a store: <c>duckdb:FOLDER</c>, <c>postgresql://…</c> or <c>http(s)://…</c>.</summary>
/// <param name="Kind">The engine.</param>
/// <param name="Value">The folder, or the whole URI.</param>
public sealed partial record StoreUri(StoreKind Kind, string Value)
{
    public const string Default = "duckdb:./tidemark-data";

    public const string Form = "duckdb:FOLDER, postgresql://… or http(s)://HOST:PORT";

    public static bool TryParse(string? text, out StoreUri uri)
    {
        uri = new StoreUri(StoreKind.DuckDb, "");
        if (string.IsNullOrWhiteSpace(text))
        {
            return false;
        }

        if (text.StartsWith("duckdb:", StringComparison.Ordinal))
        {
            uri = new StoreUri(StoreKind.DuckDb, text["duckdb:".Length..]);
            return uri.Value.Length > 0;
        }

        // Of PostgreSQL's URIs only the engine knows the form: they may name several hosts, or none.
        if (text.StartsWith("postgresql://", StringComparison.Ordinal) || text.StartsWith("postgres://", StringComparison.Ordinal))
        {
            uri = new StoreUri(StoreKind.Timescale, text);
            return true;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var absolute))
        {
            return false;
        }

        uri = new StoreUri(StoreKind.Http, text.TrimEnd('/'));
        return absolute.Scheme is "http" or "https";
    }

    /// <summary>The URI without user name and password, wherever they stand in it.</summary>
    public override string ToString()
    {
        if (Kind == StoreKind.DuckDb)
        {
            return $"duckdb:{Value}";
        }

        return PasswordParameter().Replace(UserInfo().Replace(Value, "://***@"), "$1***");
    }

    // Up to the last @ before the path: a password may hold one that isn't escaped.
    [GeneratedRegex("://[^/?#]*@")]
    private static partial Regex UserInfo();

    [GeneratedRegex("([?&](?:ssl)?password=)[^&]*", RegexOptions.IgnoreCase)]
    private static partial Regex PasswordParameter();
}
