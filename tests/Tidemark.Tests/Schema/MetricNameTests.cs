namespace Tidemark.Tests.Schema;

public class MetricNameTests
{
    [Theory]
    [InlineData("temperature"), InlineData("pm2_5"), InlineData("a__b_"), InlineData("x")]
    public void An_identifier_stays_as_it_is(string name) => Assert.Equal(name, MetricName.From(name));

    [Theory]
    [InlineData("Temp °C", "temp_c")]
    [InlineData("CO₂ (ppm)", "co2_ppm")]
    [InlineData("PM2.5 µg/m³", "pm2_5_ug_m3")]
    [InlineData("PM2.5 \u03bcg/m³", "pm2_5_ug_m3")]
    [InlineData("Außentemperatur", "aussentemperatur")]
    [InlineData("Größe", "grosse")]
    [InlineData("Gro\u0308ße", "grosse")]
    [InlineData("Œuvre Æther Þing", "oeuvre_aether_thing")]
    [InlineData("độ ẩm", "do_am")]
    [InlineData("Łódź", "lodz")]
    [InlineData("batteryLevel", "batterylevel")]
    [InlineData("__a - b__", "a_b")]
    [InlineData("a..b", "a_b")]
    [InlineData("5v", "m_5v")]
    [InlineData("_5v", "m_5v")]
    [InlineData("²", "m_2")]
    [InlineData("温度 inside", "inside")]
    public void Another_name_becomes_one(string name, string expected) => Assert.Equal(expected, MetricName.From(name));

    [Theory]
    [InlineData(""), InlineData(" "), InlineData("_"), InlineData("°"), InlineData("温度"), InlineData("🌡")]
    public void Nothing_is_made_of_a_name_without_letters_and_digits(string name) => Assert.Null(MetricName.From(name));

    [Fact]
    public void A_name_is_never_cut()
    {
        Assert.Equal(new string('a', 48), MetricName.From(new string('A', 48)));
        Assert.Null(MetricName.From(new string('A', 49)));
        Assert.Null(MetricName.From(new string('a', 49)));
        Assert.Equal("m_" + new string('1', 46), MetricName.From(new string('1', 46)));
        Assert.Null(MetricName.From(new string('1', 47)));
        Assert.Null(MetricName.From(new string('ß', 25)));
        Assert.Equal("a", MetricName.From(new string(' ', 100) + "a" + new string(' ', 100)));
    }

    [Fact]
    public void What_is_made_is_an_identifier_and_stays_as_it_is()
    {
        var random = new Random(17);
        for (var i = 0; i < 20_000; i++)
        {
            var letters = Enumerable.Range(0, random.Next(12)).Select(_ => (char)random.Next(1, random.Next(2) == 0 ? 0x80 : 0x2100));
            var name = string.Concat(letters);
            if (MetricName.From(name) is { } made)
            {
                Assert.True(Identifier.IsValid(made), $"'{name}' becomes '{made}'");
                Assert.Equal(made, MetricName.From(made));
            }
        }
    }
}
