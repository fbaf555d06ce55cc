using Npgsql;

namespace Tidemark.Timescale;

/// <summary>
/// Turns a store's URI, as libpq writes it (<c>postgresql://user@host1,host2:5433/db?sslmode=require</c>), into the driver's
/// connection string. What the URI leaves out comes from PGHOST, PGPORT, PGDATABASE and PGSSLMODE, and by the driver itself
/// from PGUSER, PGPASSWORD and the pass file.
/// </summary>
internal static class ConnectionString
{
    private static readonly Dictionary<string, string> Keywords = new(StringComparer.OrdinalIgnoreCase)
    {
        ["host"] = "Host",
        ["port"] = "Port",
        ["dbname"] = "Database",
        ["user"] = "Username",
        ["password"] = "Password",
        ["passfile"] = "Passfile",
        ["sslmode"] = "SSL Mode",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["connect_timeout"] = "Timeout",
        ["application_name"] = "Application Name",
        ["options"] = "Options",
        ["channel_binding"] = "Channel Binding",
        ["gssencmode"] = "GSS Encryption Mode",
    };

    /// <exception cref="StoreException">The URI has a part that means nothing here; it is named, never a password.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string connection)
    {
        try
        {
            var builder = connection.StartsWith("postgresql://", StringComparison.Ordinal)
                || connection.StartsWith("postgres://", StringComparison.Ordinal)
                ? FromUri(connection)
                : new NpgsqlConnectionStringBuilder(connection);
            builder.ApplicationName ??= "tidemark";
            builder.IncludeErrorDetail = false;
            if (!builder.ContainsKey("GSS Encryption Mode") && Environment.GetEnvironmentVariable("PGGSSENCMODE") is null)
            {
                // Asked for only where it is wanted: without Kerberos on the machine its library says so on standard error.
                builder.GssEncryptionMode = GssEncryptionMode.Disable;
            }

            builder.NoResetOnClose = true;
            builder.TcpKeepAlive = true;
            if (builder.MaxAutoPrepare == 0)
            {
                (builder.MaxAutoPrepare, builder.AutoPrepareMinUsages) = (100, 2);
            }

            return builder;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            throw Invalid(e.Message.Split('\n')[0], e);
        }
    }

    private static NpgsqlConnectionStringBuilder FromUri(string uri)
    {
        var builder = new NpgsqlConnectionStringBuilder();
        var rest = uri[(uri.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var query = Cut(ref rest, '?');
        var database = Cut(ref rest, '/');
        if (rest.LastIndexOf('@') is var at and >= 0)
        {
            var user = rest[..at];
            rest = rest[(at + 1)..];
            var password = Cut(ref user, ':');
            builder.Username = user.Length > 0 ? Uri.UnescapeDataString(user) : null;
            builder.Password = password is null ? null : Uri.UnescapeDataString(password);
        }

        builder.Host = rest.Length > 0 ? Uri.UnescapeDataString(rest) : Environment.GetEnvironmentVariable("PGHOST") ?? "localhost";
        if (!builder.Host.Contains(':', StringComparison.Ordinal) && Environment.GetEnvironmentVariable("PGPORT") is { Length: > 0 } port)
        {
            builder["Port"] = port;
        }

        database = string.IsNullOrEmpty(database) ? Environment.GetEnvironmentVariable("PGDATABASE") : Uri.UnescapeDataString(database);
        builder.Database = string.IsNullOrEmpty(database) ? null : database;
        if (Environment.GetEnvironmentVariable("PGSSLMODE") is { Length: > 0 } sslMode)
        {
            builder["SSL Mode"] = sslMode.Replace("-", "", StringComparison.Ordinal);
        }

        foreach (var pair in (query ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            Set(builder, pair);
        }

        return builder;
    }

    private static void Set(NpgsqlConnectionStringBuilder builder, string pair)
    {
        var value = pair;
        var name = value[..(value.IndexOf('=', StringComparison.Ordinal) is var equals and >= 0 ? equals : value.Length)];
        value = Uri.UnescapeDataString(value[Math.Min(value.Length, name.Length + 1)..]);
        if (name is "target_session_attrs")
        {
            return;
        }

        if (!Keywords.TryGetValue(name, out var keyword))
        {
            throw Invalid($"there is no parameter '{name}'", null);
        }

        try
        {
            builder[keyword] = keyword is "SSL Mode" ? value.Replace("-", "", StringComparison.Ordinal) : value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            throw Invalid($"its parameter {name} can't be '{(keyword.Contains("Password", StringComparison.Ordinal) ? "***" : value)}'", e);
        }
    }

    private static string? Cut(ref string text, char separator)
    {
        var at = text.IndexOf(separator, StringComparison.Ordinal);
        var after = at < 0 ? null : text[(at + 1)..];
        text = at < 0 ? text : text[..at];
        return after;
    }

    private static StoreException Invalid(string fault, Exception? inner)
        => new(
            StoreErrorKind.Invalid,
            $"the store's URI is not one of PostgreSQL's: {fault}; write postgresql://USER@HOST:PORT/DATABASE",
            inner);
}
