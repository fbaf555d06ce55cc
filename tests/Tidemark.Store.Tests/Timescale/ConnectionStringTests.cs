using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

public sealed class ConnectionStringTests
{
    [Theory]
    [InlineData("postgresql://tide:s3c%40ret@db:5433/iot", "db:5433", "tide", "s3c@ret", "iot")]
    [InlineData("postgres://db/iot", "db", null, null, "iot")]
    [InlineData("postgresql://tide@h1,h2:5433,[::1]:5434/iot", "h1,h2:5433,[::1]:5434", "tide", null, "iot")]
    [InlineData("postgresql://db/iot?user=tide&password=s3cret", "db", "tide", "s3cret", "iot")]
    [InlineData("postgresql://a%20b:p%3Aw@db/my%20iot", "db", "a b", "p:w", "my iot")]
    [InlineData("Host=db;Username=tide;Database=iot", "db", "tide", null, "iot")]
    public void A_URI_says_where_and_as_whom(string text, string host, string? user, string? password, string database)
    {
        var parsed = ConnectionString.Parse(text);
        Assert.Equal((host, user, password, database), (parsed.Host, parsed.Username, parsed.Password, parsed.Database));
    }

    [Fact]
    public void Parameters_of_libpq_are_understood()
    {
        var parsed = ConnectionString.Parse(
            "postgresql://db/iot?sslmode=verify-full&connect_timeout=7&application_name=gateway&target_session_attrs=primary");
        Assert.Equal((Npgsql.SslMode.VerifyFull, 7, "gateway"), (parsed.SslMode, parsed.Timeout, parsed.ApplicationName));
    }

    [Theory]
    [InlineData("postgresql://tide:s3cret@db/iot?colour=blue", "'colour'")]
    [InlineData("postgresql://tide:s3cret@db/iot?sslmode=sometimes", "sslmode")]
    [InlineData("postgresql://tide:s3cret@db/iot?connect_timeout=soon", "connect_timeout")]
    public void What_means_nothing_is_named_and_no_secret(string text, string named)
    {
        var error = Assert.Throws<StoreException>(() => ConnectionString.Parse(text));
        Assert.Equal(StoreErrorKind.Invalid, error.Kind);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.Message, StringComparison.Ordinal);
    }
}
