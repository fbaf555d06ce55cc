namespace Tidemark.Tests.Time;

public class TimeZonesTests
{
    [Theory]
    [InlineData("UTC", 0), InlineData("Europe/Berlin", 60), InlineData("America/St_Johns", -210), InlineData("Asia/Kathmandu", 345)]
    public void A_zone_is_found_by_its_name(string name, int minutes)
    {
        Assert.True(TimeZones.TryFind(name, out var zone));
        Assert.Equal(TimeSpan.FromMinutes(minutes), zone.GetUtcOffset(new DateTime(2026, 1, 15, 0, 0, 0, DateTimeKind.Utc)));
    }

    [Theory]
    [InlineData(""), InlineData(" "), InlineData("Berlin"), InlineData("Europe/"), InlineData("Europe"), InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd"), InlineData("Europe/Berlin\0"), InlineData("zone.tab"), InlineData("+01:00"), InlineData("a\nb")]
    public void What_is_no_zone_is_not_found(string name) => Assert.False(TimeZones.TryFind(name, out _));

    [Fact]
    public void A_long_name_is_not_found() => Assert.False(TimeZones.TryFind(new string('x', 100_000), out _));
}
