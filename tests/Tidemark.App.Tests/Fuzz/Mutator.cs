using System.Text;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>Makes broken bodies of valid ones.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly byte[][] Numbers = [.. new[]
    {
        "1e999", "-1e999", "1e-999", "-0", "-0.0", "00", "1.", ".5", "+1", "0x10", "1_000", "1,5", "NaN", "Infinity", "-",
        "9223372036854775807", "-9223372036854775808", "18446744073709551616", "9007199254740993", "1.7976931348623157e308",
        "5e-324", "253402300800", "253402300799999", "-62135596800000", "1767225600000000000", "9223372036854775806", "2147483648",
        new string('9', 400), $"0.{new string('0', 400)}1", $"1e{new string('9', 40)}",
    }.Select(Encoding.UTF8.GetBytes)];

    private static readonly byte[][] Oddities =
    [
        .. new[]
        {
            "null", "true", "{}", "[]", "\"\"", "\\u0000", "\\ud800", "\\udc00\\ud800", "\\", "\\\\", "\"", "'", ",", ":", ";", "=", " ",
            "  ", "\t", "\r", "\n", "\r\n", "\0", "\u0001", "\u001b[2J", "\u007f", "\u0085", "\u00a0", "\u2028", "\u200b", "\ufeff",
            "\u202e", "é", "e\u0301", "İ", "ß", "µ", "²", "温度", "🌡", "﷽", "\U0010ffff", "%s%n", "%00", "../", "/", "//", "#", "$SYS/",
            "*", "(", "@", "i", "u", "t", "T", "time", "sensor_id", "value", "__proto__", "1969-12-31T23:59:60Z", "2024-02-30",
            "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2024-05-01T25:00:00+99:99",
        }.Select(Encoding.UTF8.GetBytes),
        [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF, 0xFE], [0xFE, 0xFF], [0x80], [0xE2, 0x82], [0xEF, 0xBB, 0xBF],
    ];

    private static readonly (string Open, string Close)[] Nests =
        [("[", "]"), ("{\"a\":", "}"), ("[{\"b\":", "}]"), ("\"", "\""), ("(", ")")];

    // Long bodies cost time, and few of them show what they show.
    private readonly int _longest = random.Next(20) == 0 ? 200_000 : 8_000;

    /// <summary>A body with some changes, now and then with none.</summary>
    /// <param name="valid">What it is made of.</param>
    /// <param name="other">Whose parts may come into it.</param>
    public byte[] Change(ReadOnlySpan<byte> valid, ReadOnlySpan<byte> other)
    {
        var bytes = valid.ToArray();
        var changes = random.Next(10) == 0 ? 0 : random.Next(1, random.Next(2, 9));
        for (; changes > 0; changes--)
        {
            bytes = ChangeOnce(bytes, other);
            bytes = bytes.Length > _longest ? bytes[.._longest] : bytes;
        }

        return bytes;
    }

    private byte[] ChangeOnce(byte[] bytes, ReadOnlySpan<byte> other)
    {
        var (from, to) = Part(bytes.Length);
        switch (random.Next(14))
        {
            case 0 when bytes.Length > 0:
                bytes[from % bytes.Length] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1 when bytes.Length > 0:
                bytes[from % bytes.Length] = (byte)random.Next(256);
                return bytes;
            case 2:
                return bytes[..from];
            case 3:
                return bytes[from..];
            case 4:
                return [.. bytes[..from], .. bytes[to..]];
            case 5:
                return [.. bytes[..from], .. Repeated(bytes[from..to], random.Next(2, 60)), .. bytes[to..]];
            case 6:
                var (otherFrom, otherTo) = Part(other.Length);
                return [.. bytes[..from], .. other[otherFrom..otherTo], .. bytes[(random.Next(2) == 0 ? from : to)..]];
            case 7:
                random.NextBytes(bytes.AsSpan(from, Math.Min(to - from, 64)));
                return bytes;
            case 8:
                return [.. bytes[..from], .. Repeated([(byte)random.Next(256)], 1 << random.Next(4, 17)), .. bytes[from..]];
            case 9:
                var (open, close) = Nests[random.Next(Nests.Length)];
                var depth = 1 << random.Next(13);
                return
                [
                    .. bytes[..from], .. Repeated(Encoding.UTF8.GetBytes(open), depth), .. bytes[from..to],
                    .. Repeated(Encoding.UTF8.GetBytes(close), random.Next(2) == 0 ? depth : random.Next(depth)), .. bytes[to..],
                ];
            case 10 or 11:
                return ReplaceNumber(bytes, from);
            default:
                return [.. bytes[..from], .. Oddities[random.Next(Oddities.Length)], .. bytes[(random.Next(2) == 0 ? from : to)..]];
        }
    }

    /// <summary>The next number behind a place becomes another one.</summary>
    private byte[] ReplaceNumber(byte[] bytes, int place)
    {
        var from = bytes.AsSpan(place).IndexOfAnyInRange((byte)'0', (byte)'9');
        if (from < 0)
        {
            return bytes;
        }

        from += place;
        var length = bytes.AsSpan(from).IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return [.. bytes[..from], .. Numbers[random.Next(Numbers.Length)], .. length < 0 ? [] : bytes[(from + length)..]];
    }

    private (int From, int To) Part(int length)
    {
        var from = random.Next(length + 1);
        // Short parts change a token, long ones the structure.
        var most = random.Next(2) == 0 ? 8 : length;
        return (from, from + random.Next(Math.Min(most, length - from) + 1));
    }

    private byte[] Repeated(byte[] part, int times)
    {
        times = Math.Min(times, part.Length == 0 ? 0 : _longest / part.Length);
        var bytes = new byte[part.Length * times];
        for (var i = 0; i < times; i++)
        {
            part.CopyTo(bytes, i * part.Length);
        }

        return bytes;
    }
}
