namespace Tidemark.Tests.Schema;

public class IdentifierTests
{
    [Theory]
    [InlineData("a"), InlineData("wind_speed_2"), InlineData("a23456789012345678901234567890123456789012345678")]
    public void A_name_within_the_rules_is_quoted(string name) => Assert.Equal($"\"{name}\"", Identifier.Quote(name));

    [Theory]
    [InlineData(""),
        InlineData("A"),
        InlineData("1a"),
        InlineData("_a"),
        InlineData("a-b"),
        InlineData("a b"),
        InlineData("a\""),
        InlineData("a\n"),
        InlineData("ä"),
        InlineData("a234567890123456789012345678901234567890123456789")]
    public void Another_never_enters_SQL(string name)
    {
        Assert.False(Identifier.IsValid(name));
        Assert.Throws<ArgumentException>(() => Identifier.Quote(name));
    }
}
