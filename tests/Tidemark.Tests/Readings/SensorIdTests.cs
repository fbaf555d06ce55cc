namespace Tidemark.Tests.Readings;

public class SensorIdTests
{
    [Theory]
    [InlineData("a"),
        InlineData("sensor_001"),
        InlineData("it's"),
        InlineData("a/b"),
        InlineData("50%"),
        InlineData("..."),
        InlineData(" "),
        InlineData("Küche"),
        InlineData("温度計"),
        InlineData("\"")]
    public void An_id_within_the_rules_is_accepted(string id) => Assert.Null(SensorId.Check(id));

    [Theory]
    [InlineData(null, "sensor_id is missing or empty")]
    [InlineData("", "sensor_id is missing or empty")]
    [InlineData(".", "sensor_id '.' is reserved")]
    [InlineData("..", "sensor_id '..' is reserved")]
    [InlineData("a\nb", "sensor_id has a control character")]
    [InlineData("a\0", "sensor_id has a control character")]
    [InlineData("\u0085", "sensor_id has a control character")]
    public void Another_is_refused_with_the_reason(string? id, string reason) => Assert.Equal(reason, SensorId.Check(id));

    [Fact]
    public void Half_a_surrogate_is_no_id()
    {
        Assert.Equal("sensor_id is not valid Unicode", SensorId.Check("a" + (char)0xD83C));
        Assert.Equal("sensor_id is not valid Unicode", SensorId.Check((char)0xDF21 + "a"));
    }

    [Fact]
    public void Length_counts_code_points()
    {
        Assert.Null(SensorId.Check(new string('x', 50)));
        Assert.Null(SensorId.Check(string.Concat(Enumerable.Repeat("🌡", 50))));
        Assert.Equal("sensor_id is longer than 50 characters", SensorId.Check(new string('x', 51)));
        Assert.Equal("sensor_id is longer than 50 characters", SensorId.Check(string.Concat(Enumerable.Repeat("🌡", 51))));
    }
}
