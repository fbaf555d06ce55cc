using System.Globalization;
using System.Text;

namespace Tidemark.Tests.Time;

public class InstantTests
{
    private static readonly string[] UtcForms = ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'"];

    [Fact]
    public void The_form_that_nearly_all_send_is_read_as_the_framework_reads_it()
    {
        var random = new Random(20261129);
        string[] valid = ["2026-11-22T10:00:00Z", "2024-02-29T23:59:59.5Z", "0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.9999999Z"];
        var read = 0;
        for (var i = 0; i < 100_000; i++)
        {
            var text = valid[random.Next(valid.Length)].ToCharArray();
            for (var change = random.Next(4); change > 0; change--)
            {
                text[random.Next(text.Length)] = "0123456789.:-TZ/ +x"[random.Next(19)];
            }

            var isRead = Instant.TryParseUtc<char>(text, out var instant);
            Assert.Equal(isRead, Instant.TryParseUtc<byte>(Encoding.UTF8.GetBytes(text), out var same));
            var isValid = DateTimeOffset.TryParseExact(
                text, UtcForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expected);
            Assert.True(isRead == isValid, new string(text));
            Assert.Equal(isValid ? Instant.From(expected) : default, instant);
            Assert.Equal(instant, same);
            read += isRead ? 1 : 0;
        }

        Assert.True(read > 25_000);
    }

    [Theory]
    [InlineData("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z")]
    [InlineData("2026-11-22T10:00:00z", "2026-11-22T10:00:00Z")]
    [InlineData("2026-11-22t10:00:00.5z", "2026-11-22T10:00:00.500000Z")]
    [InlineData("2026-11-22 10:00:00Z", "2026-11-22T10:00:00Z")]
    [InlineData("2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00Z")]
    [InlineData("2026-11-22T10:00:00-05:30", "2026-11-22T15:30:00Z")]
    [InlineData("2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00.500000Z")]
    [InlineData("2026-11-22T10:00:00.123456Z", "2026-11-22T10:00:00.123456Z")]
    [InlineData("2026-11-22T10:00:00.1234569Z", "2026-11-22T10:00:00.123456Z")]
    [InlineData("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z")]
    [InlineData("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z")]
    [InlineData("2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00.123456Z")]
    [InlineData("2026-11-20 10:00:00.99999999999999999999+01:00", "2026-11-20T09:00:00.999999Z")]
    [InlineData("2026-11-20t10:00:00.00000000z", "2026-11-20T10:00:00Z")]
    [InlineData("0", "1970-01-01T00:00:00Z")]
    [InlineData("1527863043000.0", "2018-06-01T14:24:03Z")]
    [InlineData("1.527863043e12", "2018-06-01T14:24:03Z")]
    [InlineData("1.527863043E+12", "2018-06-01T14:24:03Z")]
    [InlineData("1763805600000", "2025-11-22T10:00:00Z")]
    [InlineData("1763805600001", "2025-11-22T10:00:00.001000Z")]
    [InlineData("-1", "1969-12-31T23:59:59.999000Z")]
    public void What_says_its_zone_is_read_and_told_in_UTC(string text, string expected)
    {
        Assert.True(Instant.TryParse(text, out var instant));
        Assert.Equal(expected, instant.ToString());
    }

    [Theory]
    [InlineData(""),
        InlineData("now"),
        InlineData("2026-11-22"),
        InlineData("2026-11-22T10:00Z"),
        InlineData("2026-11-22T10:00:00"),
        InlineData("2026-11-22 10:00:00.5")]
    [InlineData("2025-02-29T10:00:00Z"),
        InlineData("2026-11-22T24:00:00Z"),
        InlineData("2026-13-01T10:00:00Z"),
        InlineData("22.11.2026 10:00:00Z")]
    [InlineData("1e-400"),
        InlineData("1e400"),
        InlineData("1763805600000\0"),
        InlineData("2026-11-22T10:00:00.12345678"),
        InlineData("2026-11-22T10:00:00.12345678xZ")]
    [InlineData("1763805600.5"), InlineData("99999999999999999"), InlineData("-99999999999999999"), InlineData("2026-11-22T10:00:00+25:00")]
    public void What_is_malformed_or_could_mean_two_instants_is_refused(string text) => Assert.False(Instant.TryParse(text, out _));

    [Fact]
    public void Text_and_back_is_the_same_instant()
    {
        foreach (var micros in new[] {
            0,
            1,
            -1,
            999_999,
            1_000_000,
            Instant.Utc(2026, 11, 22).Micros + 123_456,
            Instant.MinValue.Micros,
            Instant.MaxValue.Micros })
        {
            Assert.True(Instant.TryParse(new Instant(micros).ToString(), out var instant));
            Assert.Equal(micros, instant.Micros);
        }
    }

    [Fact]
    public void A_NET_time_loses_what_is_below_a_microsecond_and_its_offset()
    {
        var time = new DateTimeOffset(2026, 11, 22, 10, 0, 0, TimeSpan.FromHours(2)).AddTicks(19);
        Assert.Equal(Instant.Utc(2026, 11, 22, 8).Micros + 1, Instant.From(time).Micros);
        Assert.Equal(DateTimeKind.Utc, Instant.From(time).ToDateTime().Kind);
    }

    [Fact]
    public void Sums_stop_at_the_ends_of_time()
    {
        Assert.Equal(Instant.MaxValue, Instant.MaxValue + TimeSpan.FromDays(1));
        Assert.Equal(Instant.MinValue, Instant.MinValue - TimeSpan.FromTicks(10));
        Assert.Equal("9999-12-31T23:59:59.999999Z", Instant.MaxValue.ToString());
        Assert.Equal("0001-01-01T00:00:00Z", Instant.MinValue.ToString());
    }

    [Fact]
    public void Differences_and_order_are_exact()
    {
        var (a, b) = (Instant.Utc(2024, 2, 28), Instant.Utc(2024, 3, 1));
        Assert.Equal(TimeSpan.FromDays(2), b - a);
        Assert.True(a < b && a <= b && b > a && b >= a && a.CompareTo(b) < 0);
        Assert.Equal((a, b), (Instant.Min(b, a), Instant.Max(a, b)));
    }
}
