using System.Buffers.Text;
using System.Globalization;

namespace Tidemark.Ingest.LineProtocol;

/// <summary>
/// Reads the numbers and booleans of fields. What line protocol doesn't have, such as <c>+1</c>, <c>NaN</c> or <c>0x1</c>, is refused.
/// </summary>
internal static class FieldNumber
{
    private const int MostShortDigits = 15;

    private static readonly double[] PowersOfTen = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    private const string NotANumber = "is not a number, true, false, or a text in double quotes";

    /// <returns>Null, or what is wrong with the value.</returns>
    public static string? Read(ReadOnlySpan<byte> text, out FieldKind kind, out long bits)
    {
        switch (text.IsEmpty ? default : text[^1])
        {
            case (byte)'i':
                kind = FieldKind.Integer;
                return ReadInteger(text[..^1], out bits);
            case (byte)'u':
                kind = FieldKind.Unsigned;
                return ReadUnsigned(text[..^1], out bits);
            default:
                kind = FieldKind.Float;
                return ReadFloat(text, out bits);
        }
    }

    public static bool TryReadBoolean(ReadOnlySpan<byte> text, out long bits)
    {
        bits = text.SequenceEqual("t"u8) || text.SequenceEqual("T"u8)
            || text.SequenceEqual("true"u8) || text.SequenceEqual("True"u8) || text.SequenceEqual("TRUE"u8) ? 1 : 0;
        return bits == 1 || text.SequenceEqual("f"u8) || text.SequenceEqual("F"u8)
            || text.SequenceEqual("false"u8) || text.SequenceEqual("False"u8) || text.SequenceEqual("FALSE"u8);
    }

    private static string? ReadInteger(ReadOnlySpan<byte> text, out long bits)
    {
        var digits = text.StartsWith((byte)'-') ? text[1..] : text;
        if (!IsDigits(digits))
        {
            bits = 0;
            return NotANumber;
        }

        return Utf8Parser.TryParse(text, out bits, out _) ? null : "is beyond 64 bits";
    }

    private static string? ReadUnsigned(ReadOnlySpan<byte> text, out long bits)
    {
        bits = 0;
        if (!IsDigits(text))
        {
            return NotANumber;
        }

        var valid = Utf8Parser.TryParse(text, out ulong number, out _);
        bits = (long)number;
        return valid ? null : "is beyond 64 bits";
    }

    private static bool IsDigits(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');

    private static string? ReadFloat(ReadOnlySpan<byte> text, out long bits)
    {
        if (TryReadShort(text, out var value))
        {
            bits = BitConverter.DoubleToInt64Bits(value);
            return null;
        }

        bits = 0;
        if (!IsFloat(text))
        {
            return NotANumber;
        }

        var number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        bits = BitConverter.DoubleToInt64Bits(number);
        return double.IsFinite(number) ? null : "is too large for a double";
    }

    /// <summary>
    /// Reads what most numbers are, up to fifteen digits and a point: the digits and the power of ten are exact as doubles, so one division
    /// rounds as the number itself does.
    /// </summary>
    private static bool TryReadShort(ReadOnlySpan<byte> text, out double value)
    {
        value = 0;
        var isNegative = text.StartsWith((byte)'-');
        var (digits, count, decimals) = (0L, 0, -1);
        foreach (var c in text[(isNegative ? 1 : 0)..])
        {
            if (c == '.' && decimals < 0)
            {
                decimals = 0;
            }
            else if (c is >= (byte)'0' and <= (byte)'9' && count < MostShortDigits)
            {
                digits = (10 * digits) + (c - '0');
                count++;
                decimals += decimals < 0 ? 0 : 1;
            }
            else
            {
                return false;
            }
        }

        value = decimals > 0 ? digits / PowersOfTen[decimals] : digits;
        value = isNegative ? -value : value;
        return count > 0;
    }

    /// <summary>Digits with a point before, among or behind them; then, or not, an exponent.</summary>
    private static bool IsFloat(ReadOnlySpan<byte> text)
    {
        var mantissa = text.StartsWith((byte)'-') ? text[1..] : text;
        if (mantissa.IndexOfAny((byte)'e', (byte)'E') is var e and >= 0)
        {
            var exponent = mantissa[(e + 1)..];
            if (!IsDigits(exponent.StartsWith((byte)'+') || exponent.StartsWith((byte)'-') ? exponent[1..] : exponent))
            {
                return false;
            }

            mantissa = mantissa[..e];
        }

        var point = mantissa.IndexOf((byte)'.');
        return point < 0 || mantissa.Length == 1
            ? IsDigits(mantissa)
            : (point == 0 || IsDigits(mantissa[..point])) && (point == mantissa.Length - 1 || IsDigits(mantissa[(point + 1)..]));
    }
}
