using Tidemark.Configuration;

namespace Tidemark.Tests.Configuration;

public class TypedTextTests
{
    [Theory]
    [InlineData("30s", 30),
        InlineData("5min", 300),
        InlineData("12h", 43_200),
        InlineData("30d", 2_592_000),
        InlineData("2w", 1_209_600),
        InlineData("36525d", 3_155_760_000)]
    public void A_duration_is_a_whole_number_and_a_unit(string text, long seconds)
    {
        Assert.True(TypedText.TryParseDuration(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData(null),
        InlineData(""),
        InlineData("30"),
        InlineData("5m"),
        InlineData("0d"),
        InlineData("-1d"),
        InlineData("1.5h"),
        InlineData("1 d"),
        InlineData("d"),
        InlineData("1D"),
        InlineData("36526d"),
        InlineData("99999999999999999999d")]
    public void A_bare_number_an_ambiguous_unit_and_nonsense_are_refused(string? text)
        => Assert.False(TypedText.TryParseDuration(text, out _));

    [Theory]
    [InlineData("64KiB", 65_536), InlineData("64MiB", 67_108_864), InlineData("1024GiB", 1_099_511_627_776)]
    public void A_size_is_a_whole_number_and_a_unit(string text, long bytes)
    {
        Assert.True(TypedText.TryParseSize(text, out var size));
        Assert.Equal(bytes, size);
    }

    [Theory]
    [InlineData("64"), InlineData("64MB"), InlineData("64M"), InlineData("0KiB"), InlineData("1025GiB"), InlineData("-1KiB")]
    public void Other_sizes_are_refused(string text) => Assert.False(TypedText.TryParseSize(text, out _));

    [Theory]
    [InlineData("90s"), InlineData("5min"), InlineData("36h"), InlineData("8d"), InlineData("2w")]
    public void A_duration_is_told_in_the_largest_unit_that_fits(string text)
    {
        Assert.True(TypedText.TryParseDuration(text, out var duration));
        Assert.Equal(text, TypedText.Format(duration));
    }

    [Fact]
    public void A_size_is_told_in_the_largest_unit_that_fits()
    {
        Assert.Equal("64MiB", TypedText.Format(64L << 20));
        Assert.Equal("1025KiB", TypedText.Format(1025L << 10));
        Assert.Equal("1GiB", TypedText.Format(1L << 30));
    }
}
