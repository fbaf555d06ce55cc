using Tidemark.Configuration;

namespace Tidemark.Tests.Configuration;

public class StoreUriTests
{
    [Theory]
    [InlineData("duckdb:./tidemark-data", StoreKind.DuckDb, "./tidemark-data")]
    [InlineData("duckdb:/var/lib/a b", StoreKind.DuckDb, "/var/lib/a b")]
    [InlineData("postgresql://u:p@host/db", StoreKind.Timescale, "postgresql://u:p@host/db")]
    [InlineData("postgres://host/db", StoreKind.Timescale, "postgres://host/db")]
    [InlineData("postgresql://u@h1,h2:5433/db", StoreKind.Timescale, "postgresql://u@h1,h2:5433/db")]
    [InlineData("postgresql://", StoreKind.Timescale, "postgresql://")]
    [InlineData("http://127.0.0.1:5000/", StoreKind.Http, "http://127.0.0.1:5000")]
    [InlineData("https://example.org", StoreKind.Http, "https://example.org")]
    public void A_scheme_names_the_engine(string text, StoreKind kind, string value)
    {
        Assert.True(StoreUri.TryParse(text, out var uri));
        Assert.Equal(new StoreUri(kind, value), uri);
    }

    [Theory]
    [InlineData(null),
        InlineData(""),
        InlineData(" "),
        InlineData("duckdb:"),
        InlineData("./data"),
        InlineData("ftp://host"),
        InlineData("mysql://host/db"),
        InlineData("DuckDB:./data")]
    public void Anything_else_is_refused(string? text) => Assert.False(StoreUri.TryParse(text, out _));

    [Theory]
    [InlineData("postgresql://tide:s3cret@host:5432/db", "postgresql://***@host:5432/db")]
    [InlineData("postgresql://tide:p%40ss@host/db", "postgresql://***@host/db")]
    [InlineData("postgresql://tide:s3c@ret@h1,h2:5433/db", "postgresql://***@h1,h2:5433/db")]
    [InlineData("https://user:s3cret@host", "https://***@host")]
    [InlineData("postgresql://host/db", "postgresql://host/db")]
    [InlineData("postgresql://host/db?user=u&password=s3cret", "postgresql://host/db?user=u&password=***")]
    [InlineData("duckdb:./a@b", "duckdb:./a@b")]
    public void Its_text_tells_no_secret(string text, string told)
    {
        Assert.True(StoreUri.TryParse(text, out var uri));
        Assert.Equal(told, uri.ToString());
    }

    [Fact]
    public void The_default_is_a_store() => Assert.True(StoreUri.TryParse(StoreUri.Default, out _));
}
