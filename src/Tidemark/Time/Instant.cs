using System.Globalization;
using System.Numerics;

namespace Tidemark.Time;

/// <summary>
/// A point in time: whole microseconds since 1970-01-01T00:00:00Z, always UTC. The one type that turns what callers
/// send (RFC 3339 text, epoch milliseconds, .NET times) into what stores hold; anything below a microsecond is cut off.
/// </summary>
public readonly record struct Instant(long Micros) : IComparable<Instant>
{
    private const long MicrosPerSecond = 1_000_000;

    private static readonly string[] Rfc3339Formats =
    [
        "yyyy-MM-dd'T'HH:mm:ssK",
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
        "yyyy-MM-dd HH:mm:ssK",
        "yyyy-MM-dd HH:mm:ss.FFFFFFFK",
    ];

    /// <summary>0001-01-01T00:00:00Z.</summary>
    public static readonly Instant MinValue = From(DateTimeOffset.MinValue);

    /// <summary>9999-12-31T23:59:59.999999Z.</summary>
    public static readonly Instant MaxValue = From(DateTimeOffset.MaxValue);

    public static Instant From(DateTimeOffset time)
        => new((time.UtcTicks / TimeSpan.TicksPerMicrosecond) - (DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerMicrosecond));

    public static Instant Utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0)
        => From(new DateTimeOffset(year, month, day, hour, minute, second, TimeSpan.Zero));

    public DateTime ToDateTime() => DateTime.UnixEpoch.AddTicks(Micros * TimeSpan.TicksPerMicrosecond);

    public DateTimeOffset ToDateTimeOffset() => new(ToDateTime());

    /// <summary>
    /// Reads RFC 3339 with a zone (<c>2026-11-22T10:00:00Z</c>, <c>…+01:00</c>, any number of decimals) or epoch
    /// milliseconds. A time without a zone is refused, because it could mean two instants.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Instant instant)
    {
        if (TryParseUtc(text, out instant))
        {
            return true;
        }

        if (TryParseNumber(text, out var number))
        {
            return decimal.IsInteger(number) && TryFromEpochMillis(number, out instant);
        }

        if (text.IndexOfAny('t', 'z') >= 0)
        {
            return TryParse(text.ToString().ToUpperInvariant(), out instant);
        }

        if (!HasZone(text)
            || !DateTimeOffset.TryParseExact(
                CutDecimals(text),
                Rfc3339Formats,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal,
                out var parsed))
        {
            return false;
        }

        instant = From(parsed);
        return true;
    }

    /// <summary>
    /// Reads the form that nearly all senders use, <c>2026-11-22T10:00:00Z</c> with any number of decimals, at a fraction of the cost of
    /// <see cref="TryParse"/>, which reads all others too.
    /// </summary>
    /// <typeparam name="T">Of UTF-8 or UTF-16.</typeparam>
    public static bool TryParseUtc<T>(ReadOnlySpan<T> text, out Instant instant)
        where T : unmanaged, IBinaryInteger<T>
    {
        const string Form = "0000-00-00T00:00:00";
        instant = default;
        if (text.Length <= Form.Length || text[^1] != T.CreateTruncating('Z'))
        {
            return false;
        }

        for (var i = 0; i < Form.Length; i++)
        {
            if (Form[i] == '0' ? Digit(text[i]) > 9 : text[i] != T.CreateTruncating(Form[i]))
            {
                return false;
            }
        }

        var (year, month, day) = ((100 * Two(text)) + Two(text[2..]), Two(text[5..]), Two(text[8..]));
        var (hour, minute, second) = (Two(text[11..]), Two(text[14..]), Two(text[17..]));
        if (year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month)
            || hour > 23 || minute > 59 || second > 59
            || !TryParseDecimals(text[Form.Length..^1], out var micros))
        {
            return false;
        }

        var ticks = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).Ticks - DateTime.UnixEpoch.Ticks;
        instant = new Instant((ticks / TimeSpan.TicksPerMicrosecond) + micros);
        return true;

        static uint Digit(T character) => uint.CreateTruncating(character) - '0';

        static int Two(ReadOnlySpan<T> text) => (int)((10 * Digit(text[0])) + Digit(text[1]));

        static bool TryParseDecimals(ReadOnlySpan<T> text, out long micros)
        {
            micros = 0;
            if (text.IsEmpty)
            {
                return true;
            }

            var unit = MicrosPerSecond;
            for (var i = 1; i < text.Length; i++)
            {
                if (Digit(text[i]) is not (<= 9 and var digit))
                {
                    return false;
                }

                micros += digit * (unit /= 10);
            }

            return text.Length > 1 && text[0] == T.CreateTruncating('.');
        }
    }

    private static bool TryFromEpochMillis(decimal millis, out Instant instant)
    {
        var valid = millis >= MinValue.Micros / 1000 && millis <= MaxValue.Micros / 1000;
        instant = valid ? new Instant((long)millis * 1000) : default;
        return valid;
    }

    /// <summary>
    /// Reads a number exactly, as JSON and spreadsheets write them: <c>1527863043000</c>, <c>1527863043000.0</c>, <c>1.527863043e12</c>.
    /// </summary>
    public static bool TryParseNumber(ReadOnlySpan<char> text, out decimal number)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        number = default;
        var exponent = text.IndexOfAny('e', 'E');
        // .NET ignores NULs at the end of a number and makes 0 of what is too small for a decimal.
        return !text.Contains('\0') && decimal.TryParse(text, Style, CultureInfo.InvariantCulture, out number)
            && (number != 0 || !(exponent < 0 ? text : text[..exponent]).ContainsAnyInRange('1', '9'));
    }

    /// <summary>A time of day without the decimals beyond the seventh, which .NET refuses.</summary>
    public static ReadOnlySpan<char> CutDecimals(ReadOnlySpan<char> text)
    {
        const int Most = 7;
        var decimals = text.LastIndexOf('.') + 1;
        var length = decimals == 0
            ? 0
            : text[decimals..].IndexOfAnyExceptInRange('0', '9') is var end and >= 0 ? end : text.Length - decimals;
        return length <= Most ? text : string.Concat(text[..(decimals + Most)], text[(decimals + length)..]);
    }

    /// <summary>Whole milliseconds since 1970, what is below cut off.</summary>
    public long EpochMillis => (Micros - (((Micros % 1000) + 1000) % 1000)) / 1000;

    /// <summary>RFC 3339 in UTC: whole seconds without decimals, else exactly six of them.</summary>
    public override string ToString()
        => ToDateTime().ToString(
            Micros % MicrosPerSecond == 0 ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'",
            CultureInfo.InvariantCulture);

    public int CompareTo(Instant other) => Micros.CompareTo(other.Micros);

    /// <summary>The instant, or the nearest there is.</summary>
    public static Instant Clamp(long micros) => new(Math.Clamp(micros, MinValue.Micros, MaxValue.Micros));

    public static Instant Min(Instant a, Instant b) => a < b ? a : b;

    public static Instant Max(Instant a, Instant b) => a > b ? a : b;

    /// <summary>Adds and stops at <see cref="MinValue"/> and <see cref="MaxValue"/> instead of overflowing.</summary>
    public static Instant operator +(Instant instant, TimeSpan span)
        => Clamp(instant.Micros + (span.Ticks / TimeSpan.TicksPerMicrosecond));

    public static Instant operator -(Instant instant, TimeSpan span) => instant + span.Negate();

    public static TimeSpan operator -(Instant a, Instant b) => new((a.Micros - b.Micros) * TimeSpan.TicksPerMicrosecond);

    public static bool operator <(Instant a, Instant b) => a.Micros < b.Micros;

    public static bool operator >(Instant a, Instant b) => a.Micros > b.Micros;

    public static bool operator <=(Instant a, Instant b) => a.Micros <= b.Micros;

    public static bool operator >=(Instant a, Instant b) => a.Micros >= b.Micros;

    private static bool HasZone(ReadOnlySpan<char> text)
        => text.Length > 19 && (text[^1] == 'Z' || text[19..].IndexOfAny('+', '-') >= 0);
}
