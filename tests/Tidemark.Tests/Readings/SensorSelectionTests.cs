using Tidemark.Readings;

namespace Tidemark.Tests.Readings;

public sealed class SensorSelectionTests
{
    [Theory]
    [InlineData("a", "a", "b A aa")]
    [InlineData("a,b", "a b", "c a,b")]
    [InlineData("*", "a * hall-1", "")]
    [InlineData("hall-*,kitchen", "hall-1 hall- kitchen", "hall kitchen-1 Hall-1")]
    [InlineData("a\\,b", "a,b", "a b")]
    [InlineData("\\*", "*", "a")]
    [InlineData("a\\**", "a* a*b", "a ab")]
    [InlineData("a*b", "a*b", "a aXb")]
    [InlineData("\\\\", "\\", "a")]
    public void It_names_ids_and_beginnings(string text, string matching, string others)
    {
        Assert.True(SensorSelection.TryParse(text, out var selection, out var error), error);
        foreach (var same in new[] { selection, Parse(selection.ToString()) })
        {
            Assert.All(matching.Split(' '), id => Assert.True(same.Matches(id), id));
            Assert.All(others.Split(' ', StringSplitOptions.RemoveEmptyEntries), id => Assert.False(same.Matches(id), id));
        }
    }

    [Theory]
    [InlineData("", "sensor_id is missing or empty")]
    [InlineData("a,", "sensor_id is missing or empty")]
    [InlineData("..", "sensor_id '..' is reserved")]
    [InlineData("a\nb", "sensor_id has a control character")]
    public void What_is_no_id_is_refused(string text, string fault)
    {
        Assert.False(SensorSelection.TryParse(text, out _, out var error));
        Assert.Equal($"sensors '{text}' is not a list such as kitchen,hall-* or *: {fault}", error);
    }

    [Fact]
    public void It_is_bounded()
    {
        Assert.True(SensorSelection.TryParse(string.Join(',', Enumerable.Range(0, 1000)), out var most, out _));
        Assert.Equal((1000, true, false), (most.Ids.Count, most.IsOfIds, most.IsAll));
        Assert.False(SensorSelection.TryParse(string.Join(',', Enumerable.Range(0, 1001)), out _, out var error));
        Assert.Equal("sensors names more than 1000: use beginnings such as hall-*, or *", error);
    }

    private static SensorSelection Parse(string text)
    {
        Assert.True(SensorSelection.TryParse(text, out var selection, out _));
        return selection;
    }
}
