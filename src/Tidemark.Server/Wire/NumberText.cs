using System.Buffers.Text;

namespace Tidemark.Server.Wire;

/// <summary>Numbers as JSON has them: the shortest text that reads back as the same double.</summary>
internal static class NumberText
{
    // Up to fifteen digits a decimal is the only one of its length that reads back as its double.
    private const double MostDigits = 1e15;

    /// <summary>Writes a finite number.</summary>
    /// <param name="value">Few decimals, as most measurements have, take a tenth of the time of others.</param>
    /// <param name="text">At least 32 bytes.</param>
    /// <returns>How many bytes it has.</returns>
    public static int Format(double value, Span<byte> text)
    {
        if (!TryFormatDecimals(value, 100, text, out var written) && !TryFormatDecimals(value, 10_000, text, out written))
        {
            Utf8Formatter.TryFormat(value, text, out written);
        }

        return written;
    }

    private static bool TryFormatDecimals(double value, long scale, Span<byte> text, out int written)
    {
        written = 0;
        var scaled = Math.Round(Math.Abs(value) * scale);

        // −0 is not the same as 0.
        if (!(scaled < MostDigits) || scaled / scale != Math.Abs(value) || (value == 0 && double.IsNegative(value)))
        {
            return false;
        }

        var (whole, rest) = Math.DivRem((long)scaled, scale);
        if (value < 0)
        {
            text[written++] = (byte)'-';
        }

        Utf8Formatter.TryFormat(whole, text[written..], out var digits);
        written += digits;
        if (rest > 0)
        {
            text[written++] = (byte)'.';
            for (; rest > 0; rest = rest * 10 % scale)
            {
                text[written++] = (byte)('0' + (rest * 10 / scale));
            }
        }

        return true;
    }
}
