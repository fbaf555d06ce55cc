using System.Text;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Tests.Ingest.LineProtocol;

public class LineProtocolFuzzTests
{
    private const int Texts = 2_000;

    private static readonly byte[][] Tokens = [.. new[]
    {
        "m", "sensor_data", ",", ",", "=", "=", " ", " ", "\n", "\n", "\r\n", "\r", "\\", "\"", "\"", "#", "1", "-2.5e3", "7i", "8u", "t",
        "False", "host=a", "f=1", " f=1 1764403200000000000\n", "s=\"x\ny\"", "\t", "\0", "\u007f", "é", "🌡", "NaN", "-",
        "9223372036854775807",
    }.Select(Encoding.UTF8.GetBytes)];

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Any_text_is_read_to_its_end_and_alike_in_pieces(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < Texts; i++)
        {
            var text = Text(random);
            var maxLine = random.Next(3) == 0 ? random.Next(1, 40) : 1 << 16;
            var whole = LinePieces.Read(text, maxLine, () => text.Length);
            Assert.True(
                whole.SequenceEqual(LinePieces.Read(text, maxLine, () => random.Next(1, 20))),
                $"seed {seed}, text {i}, longest line {maxLine}: {Convert.ToBase64String(text)}");
        }
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Readings_of_any_text_are_readings(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < Texts; i++)
        {
            var readings = new LineReadings(LinePrecision.Nanoseconds, LineNaming.Default, default, 1 << 16);
            ReadOnlySpan<byte> text = Text(random);
            readings.Read(ref text, isFinal: true);
            Assert.True(text.IsEmpty);
            Assert.All(readings.Metrics, name => Assert.True(Identifier.IsValid(name), name));
            Assert.Equal(readings.Metrics.Count, readings.Metrics.Distinct().Count());
            var keys = Enumerable.Range(0, readings.Count).Select(row => (readings.SensorId(row), readings.Time(row))).ToList();
            Assert.Equal(keys.Count, keys.Distinct().Count());
            Assert.All(keys, key => Assert.Null(SensorId.Check(key.Item1)));
            Assert.InRange(readings.Errors.Count, Math.Min(readings.Refused, 1), Math.Min(readings.Refused, 100));
            var values = new double[readings.Metrics.Count];
            for (var row = 0; row < readings.Count; row++)
            {
                readings.CopyValues(row, [.. Enumerable.Range(0, values.Length)], values);
                Assert.Contains(values, double.IsFinite);
                Assert.DoesNotContain(values, double.IsInfinity);
            }
        }
    }

    /// <summary>Each makes as much as possible of something: sensors, measurements, metrics, tags, errors, texts, long names.</summary>
    [Theory]
    [InlineData("m,host=h{0} f=1 1\n"),
        InlineData("m{0} f=1 1\n"),
        InlineData("m,t{0}=1 f=1 1\n"),
        InlineData("m,a={0},b=1 f=1 1\nm,b=1,a={0} f=1 1\n"),
        InlineData("m,t=\\,\\,\\,{0} f=1 1\n"),
        InlineData("m f{0}=1 {0}\n"),
        InlineData("m f{0}=1 1\n"),
        InlineData("m f=1 {0}\n"),
        InlineData("m s{0}=\"\" {0}\n"),
        InlineData("m f\n"),
        InlineData("m f=\""),
        InlineData("m f=1,"),
        InlineData("m,"),
        InlineData(",a{0}=1"),
        InlineData(" "),
        InlineData("#"),
        InlineData("\n")]
    public void What_a_body_takes_is_a_multiple_of_it_and_has_a_bound_by_names(string pattern)
    {
        const int Size = 2 << 20;
        var text = new StringBuilder();
        for (var i = 0; text.Length < Size; i++)
        {
            text.AppendFormat(System.Globalization.CultureInfo.InvariantCulture, pattern, i);
        }

        ReadOnlySpan<byte> body = Encoding.UTF8.GetBytes(text.ToString());
        var readings = new LineReadings(LinePrecision.Nanoseconds, LineNaming.Default, default, 1 << 16);
        var before = GC.GetAllocatedBytesForCurrentThread();
        readings.Read(ref body, isFinal: true);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 80L * Size);
        Assert.InRange(readings.Errors.Sum(e => e.Text.Length + e.Message.Length), 0, 100 * 600);
    }

    private static byte[] Text(Random random)
    {
        var text = new List<byte>();
        for (var length = random.Next(60); length > 0; length--)
        {
            text.AddRange(random.Next(20) == 0 ? [(byte)random.Next(256)] : Tokens[random.Next(Tokens.Length)]);
        }

        return [.. text];
    }
}
