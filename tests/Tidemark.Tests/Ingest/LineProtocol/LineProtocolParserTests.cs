using System.Globalization;
using System.Text;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Tests.Ingest.LineProtocol;

public class LineProtocolParserTests
{
    private const int MaxLine = 1 << 16;

    [Theory]
    [InlineData("m", "there are no fields")]
    [InlineData("m ", "there are no fields")]
    [InlineData("m,a=b\n", "there are no fields")]
    [InlineData(",a=b f=1", "the measurement is missing")]
    [InlineData("\tm f=1", "the measurement begins with a control character")]
    [InlineData("m\tf=1", "measurement and tags are followed by a control character, not by a space")]
    [InlineData("m, f=1", "a comma is followed by no tag")]
    [InlineData("m,a f=1", "the tag 'a' has no =")]
    [InlineData("m,a= f=1", "the tag 'a' has no value")]
    [InlineData("m,a=b=c f=1", "measurement and tags are followed by '=', not by a space; one inside a tag is written \\=")]
    [InlineData("m,b=1,a=1,b=2 f=1", "the tag 'b' stands twice")]
    [InlineData("m f", "the field 'f' has no =")]
    [InlineData("m f=", "the field 'f' has no value")]
    [InlineData("m f=1,", "a comma is followed by no field")]
    [InlineData("m f=on", "the value 'on' of the field 'f' is not a number, true, false, or a text in double quotes")]
    [InlineData("m f=NaN", "the value 'NaN' of the field 'f' is not a number, true, false, or a text in double quotes")]
    [InlineData("m f=1e999", "the value '1e999' of the field 'f' is too large for a double")]
    [InlineData("m f=9223372036854775808i", "the value '9223372036854775808i' of the field 'f' is beyond 64 bits")]
    [InlineData("m f=\"a", "the text of the field 'f' has no closing double quote")]
    [InlineData("m f=\"a\"b", "the text of the field 'f' goes on after a double quote; one inside it is written \\\"")]
    [InlineData("m f=1 x", "'x' stands where the time is")]
    [InlineData("m f=1 1.5", "the time is followed by more")]
    [InlineData("m f=1 1-5", "the time '1-5' is not a whole number of 64 bits")]
    [InlineData("m f=1 9223372036854775807", "the time '9223372036854775807' in ns is before 1677 or after 2262")]
    [InlineData("# a\u0001", "a comment has a control character")]
    public void What_is_wrong_is_said_in_one_sentence(string text, string error) => Assert.Equal([$"1 {error}"], Read(text));

    [Fact]
    public void A_number_is_the_nearest_double()
    {
        var random = new Random(7);
        var parser = new LineProtocolParser(LinePrecision.Nanoseconds, MaxLine);
        for (var i = 0; i < 20_000; i++)
        {
            var digits = string.Concat(Enumerable.Range(0, 1 + random.Next(19)).Select(_ => (char)('0' + random.Next(10))));
            var point = random.Next(digits.Length + 1);
            var number = (random.Next(2) == 0 ? "-" : "") + digits[..point] + (random.Next(4) == 0 ? "" : ".") + digits[point..];
            ReadOnlySpan<byte> text = Encoding.UTF8.GetBytes($"m f={number}");
            Assert.True(parser.TryRead(ref text, isFinal: true, out var line) && line.Error is null, number);
            var nearest = double.Parse(number, CultureInfo.InvariantCulture);
            Assert.True(BitConverter.DoubleToInt64Bits(nearest) == BitConverter.DoubleToInt64Bits(line.Field(0).Number), number);
        }
    }

    [Fact]
    public void A_line_that_is_not_UTF8_is_refused()
    {
        byte[] text = [.. "m,a="u8, 0xC3, .. " f=1"u8];
        Assert.EndsWith(" the line is not valid UTF-8", Assert.Single(LinePieces.Read(text, MaxLine, () => text.Length)));
    }

    [Fact]
    public void What_was_sent_is_shown_at_no_length_and_on_one_line()
    {
        Assert.Equal([$"1 the tag '{new string('x', 60)}…' has no value"], Read($"m,{new string('x', 1_000)}= f=1"));
        var emoji = "x" + string.Concat(Enumerable.Repeat("🌡", 29));
        Assert.Equal([$"1 the tag '{emoji}…' has no value"], Read($"m,{emoji}🌡🌡= f=1"));
        Assert.Equal(["1 the value '\uFFFDx' of the field 'f' is not a number, true, false, or a text in double quotes"], Read("m f=\tx"));
    }

    [Fact]
    public void A_bad_line_hurts_none_beside_it()
        => Assert.Equal(
            ["1 a 1", "3 the field 'f' has no value", "4 b 2", "5 the text of the field 's' has no closing double quote", "6 c 3"],
            Read("a f=1\n# nothing\nm f=\nb f=2\nm s=\"\nc f=3"));

    [Fact]
    public void No_fault_reaches_beyond_its_line()
    {
        foreach (var text in DecodeCase.ReadOurs().Where(c => c.HasError && !c.Text.Contains((byte)'\n')).Select(c => c.Text))
        {
            byte[] body = [.. text, .. "\nb f=2"u8];
            var lines = LinePieces.Read(body, MaxLine, () => body.Length);
            Assert.Equal(2, lines.Count);
            Assert.StartsWith($"2 {Convert.ToHexString("b f=2"u8)} {Convert.ToHexString("b"u8)},", lines[1], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_text_over_several_lines_has_the_number_of_the_first()
        => Assert.Equal(["1 a 1", "3 b 2", "4 the field 'f' has no ="], Read("a f=1,s=\"x\ny=\"\nb f=2\nc f\n"));

    [Fact]
    public void A_text_that_is_closed_too_late_takes_no_line_with_it()
        => Assert.Equal(
            ["1 the text of the field 's' goes on after a double quote; one inside it is written \\\"", "2 b 2", "3 c 3"],
            Read("a f=1,s=\"x\nb f=2\nc f=3,s=\"y\"\n"));

    [Fact]
    public void What_stands_in_a_text_is_no_line_when_the_line_has_another_fault()
        => Assert.Equal(["1 the time is followed by more", "4 b 2"], Read("a s=\"x\nb f=1\n\" 1 2\nb f=2"));

    [Fact]
    public void A_line_that_is_too_long_is_refused_and_the_next_one_read()
    {
        Assert.Equal(["1 aaaa 1", "2 b 2"], Read("aaaa f=1\nb f=2", 9));
        Assert.Equal(["1 the line is longer than 8 bytes", "2 b 2"], Read("aaaa f=1\nb f=2", 8));
        Assert.Equal(["1 the line is longer than 8 bytes"], Read(new string('a', 100), 8));
        Assert.Equal(["1 the line is longer than 8 bytes", "2 b 2"], Read($"#{new string('a', 100)}\nb f=2", 8));
        Assert.Equal(
            ["1 the text of the field 's' has no closing double quote", "2 b 2", "3 there are no fields"],
            Read("a s=\"xx\nb f=2\n\" ", 9));
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(7), InlineData(64)]
    public void A_text_may_be_cut_anywhere(int size)
    {
        foreach (var text in DecodeCase.ReadOurs().Select(c => c.Text))
        {
            foreach (var maxLine in new[] { 12, 30, MaxLine })
            {
                Assert.Equal(LinePieces.Read(text, maxLine, () => text.Length), LinePieces.Read(text, maxLine, () => size));
            }
        }
    }

    [Fact]
    public void Doubles_keep_every_bit()
    {
        var random = new Random(5);
        var numbers = Enumerable.Range(0, 20_000).Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64() << random.Next(2)))
            .Concat(Enumerable.Range(0, 20_000).Select(_ => random.Next(-1_000_000, 1_000_000) / Math.Pow(10, random.Next(8))))
            .Concat([0.0, -0.0, double.Epsilon, double.MaxValue, double.MinValue, 9007199254740993, 0.1])
            .Where(double.IsFinite)
            .ToList();
        var lines = numbers.Select(number => string.Create(CultureInfo.InvariantCulture, $"m f={number:R}\n"));
        ReadOnlySpan<byte> text = Encoding.UTF8.GetBytes(string.Concat(lines));
        var parser = new LineProtocolParser(LinePrecision.Nanoseconds, MaxLine);
        foreach (var number in numbers)
        {
            Assert.True(parser.TryRead(ref text, isFinal: true, out var line));
            Assert.Equal(BitConverter.DoubleToInt64Bits(number), BitConverter.DoubleToInt64Bits(line.Field(0).Number));
        }
    }

    [Theory]
    [InlineData("m f=t", 1)]
    [InlineData("m f=False", 0)]
    [InlineData("m f=-7i", -7)]
    [InlineData("m f=9007199254740993i", 9007199254740992.0)]
    [InlineData("m f=18446744073709551615u", 18446744073709551615.0)]
    [InlineData("m f=\"1\"", double.NaN)]
    public void Every_kind_but_a_text_is_a_number(string text, double number)
    {
        ReadOnlySpan<byte> utf8 = Encoding.UTF8.GetBytes(text);
        Assert.True(new LineProtocolParser(LinePrecision.Nanoseconds, MaxLine).TryRead(ref utf8, isFinal: true, out var line));
        Assert.Equal(number, line.Field(0).Number);
    }

    [Theory]
    [InlineData("ns", "1764403200123456999", "2025-11-29T08:00:00.123456Z")]
    [InlineData("n", "-1", "1969-12-31T23:59:59.999999Z")]
    [InlineData("ns", "-1000", "1969-12-31T23:59:59.999999Z")]
    [InlineData("us", "1764403200123456", "2025-11-29T08:00:00.123456Z")]
    [InlineData("u", "-1", "1969-12-31T23:59:59.999999Z")]
    [InlineData("ms", "1764403200123", "2025-11-29T08:00:00.123000Z")]
    [InlineData("s", "1764403200", "2025-11-29T08:00:00Z")]
    [InlineData("m", "29406720", "2025-11-29T08:00:00Z")]
    [InlineData("h", "490112", "2025-11-29T08:00:00Z")]
    [InlineData("h", "-1", "1969-12-31T23:00:00Z")]
    public void A_time_counts_in_its_precision_and_is_cut_to_the_microsecond_before(string precision, string number, string expected)
    {
        ReadOnlySpan<byte> text = Encoding.UTF8.GetBytes($"m f=1 {number}");
        Assert.True(new LineProtocolParser(LinePrecision.Find(precision)!, MaxLine).TryRead(ref text, isFinal: true, out var line));
        Assert.Equal(expected, line.Time.ToString());
    }

    [Theory]
    [InlineData(""), InlineData("d"), InlineData("NS"), InlineData(null)]
    public void Another_precision_is_none(string? name) => Assert.Null(LinePrecision.Find(name));

    [Fact]
    public void Nothing_is_allocated_for_lines_without_a_fault()
    {
        const string Line = "m\\ n,b=1,a=2 f=21.5,g=7i,h=t,s=\"a \\\" b\" 1764403200000000000\n";
        var body = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Line, 100)));
        var parser = new LineProtocolParser(LinePrecision.Nanoseconds, MaxLine);
        Assert.Equal(100, CountPoints(parser, body));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var points = CountPoints(parser, body);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(100, points);
    }

    private static int CountPoints(LineProtocolParser parser, ReadOnlySpan<byte> text)
    {
        var points = 0;
        while (parser.TryRead(ref text, isFinal: true, out var line))
        {
            points += line.Error is null && line.FieldCount == 4 ? 1 : 0;
        }

        return points;
    }

    /// <summary>Each line as its number and its error, or its measurement and first value.</summary>
    private static List<string> Read(string text, int maxLine = MaxLine)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        var lines = new List<string>();
        var parser = new LineProtocolParser(LinePrecision.Nanoseconds, maxLine);
        ReadOnlySpan<byte> rest = utf8;
        while (parser.TryRead(ref rest, isFinal: true, out var line))
        {
            lines.Add($"{line.Number} {line.Error ?? $"{Encoding.UTF8.GetString(line.Measurement)} {line.Field(0).Number}"}");
        }

        Assert.True(rest.IsEmpty);
        return lines;
    }
}
