using Tidemark.Configuration;
using Tidemark.Series;

namespace Tidemark.Tests.Series;

public class SeriesBucketTests
{
    private static readonly TelemetrySchema Schema = OptionsLoader.Load(null, []).Schema;

    [Theory]
    [InlineData("30s", "30 seconds"), InlineData("15m", "15 minutes"), InlineData("6h", "6 hours"), InlineData("1d", "1 day")]
    [InlineData("1w", "7 days"), InlineData("1mo", "1 month"), InlineData("2y", "2 years"), InlineData("hourly", "1 hour")]
    public void A_width_is_read(string text, string width)
    {
        Assert.True(SeriesBucket.TryParse(text, Schema, out var bucket, out _));
        Assert.Equal(width, bucket.Width?.ToString());
        Assert.Equal(text == "hourly" ? "hourly" : null, bucket.Aggregate?.Name);
        Assert.False(bucket.IsAuto || bucket.IsRaw);
    }

    [Theory]
    [InlineData(""), InlineData("15"), InlineData("m"), InlineData("0m"), InlineData("-1h"), InlineData("1.5h"), InlineData("10001d")]
    [InlineData("1M"), InlineData("weekly"), InlineData("RAW"), InlineData("1 hour")]
    public void What_is_no_bucket_is_refused_with_what_is(string text)
    {
        Assert.False(SeriesBucket.TryParse(text, Schema, out _, out var error));
        Assert.Contains(text, error, StringComparison.Ordinal);
        Assert.Contains("hourly, daily, monthly", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_and_raw_are_no_widths()
    {
        Assert.True(SeriesBucket.TryParse("auto", Schema, out var auto, out _) && auto.IsAuto && !auto.IsRaw && auto == default);
        Assert.True(SeriesBucket.TryParse("raw", Schema, out var raw, out _) && raw.IsRaw && !raw.IsAuto);
    }

    [Fact]
    public void Functions_are_known_by_their_names()
    {
        foreach (var function in Enum.GetValues<SeriesFunction>())
        {
            Assert.True(SeriesFunctions.TryParse(function.Name, out var parsed));
            Assert.Equal(function, parsed);
            Assert.Contains(function.Name, SeriesFunctions.Form, StringComparison.Ordinal);
        }

        Assert.False(SeriesFunctions.TryParse("median", out _));
    }
}
