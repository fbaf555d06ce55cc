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

        if (!Uri.TryCreate(text, UriKind.Absolute, out var absolute))
        {
            return false;
        }

        switch (absolute.Scheme)
        {
            case "postgresql" or "postgres":
                uri = new StoreUri(StoreKind.Timescale, text);
                return true;
            case "http" or "https":
                uri = new StoreUri(StoreKind.Http, text.TrimEnd('/'));
                return true;
            default:
                return false;
        }
    }

    /// <summary>The URI without user name and password, wherever they stand in it.</summary>
    public override string ToString()
    {
        if (Kind == StoreKind.DuckDb)
        {
            return $"duckdb:{Value}";
        }

        var masked = Uri.TryCreate(Value, UriKind.Absolute, out var uri) && uri.UserInfo.Length > 0
            ? Value.Replace($"{uri.UserInfo}@", "***@", StringComparison.Ordinal)
            : Value;
        return PasswordParameter().Replace(masked, "$1***");
    }

    [GeneratedRegex("([?&](?:ssl)?password=)[^&]*", RegexOptions.IgnoreCase)]
    private static partial Regex PasswordParameter();
}
