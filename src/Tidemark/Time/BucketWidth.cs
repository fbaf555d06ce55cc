using System.Globalization;

namespace Tidemark.Time;

/// <summary>
/// The width of buckets: fixed (minutes, hours, days, weeks; seconds where no aggregate keeps them) or calendar (months, years), in UTC.
/// Fixed buckets count from Monday 2000-01-03, calendar ones from 2000-01-01: the origins of <c>time_bucket</c> in
/// TimescaleDB and DuckDB alike.
/// </summary>
public readonly record struct BucketWidth
{
    public const string Form = "a positive whole number and minutes, hours, days, weeks, months or years, such as '1 hour' or '3 months'";

    private const long MicrosPerDay = 86_400_000_000;

    private static readonly long FixedOrigin = Instant.Utc(2000, 1, 3).Micros;

    private BucketWidth(long micros, int months)
    {
        Micros = micros;
        Months = months;
    }

    /// <summary>The width in microseconds, 0 for calendar widths.</summary>
    public long Micros { get; }

    /// <summary>The width in calendar months, 0 for fixed widths.</summary>
    public int Months { get; }

    /// <summary>The width, or for calendar widths that of 30-day months: for estimates and order only.</summary>
    public TimeSpan Approximate => TimeSpan.FromMicroseconds(Micros + (Months * 30 * MicrosPerDay));

    /// <summary>The width as an SQL interval's text, the same in both engines.</summary>
    public string Sql => Months > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{Months} months")
        : string.Create(CultureInfo.InvariantCulture, $"{Micros / 60_000_000} minutes");

    public static BucketWidth Fixed(TimeSpan width) => new((long)width.TotalMicroseconds, 0);

    public static BucketWidth Calendar(int months) => new(0, months);

    public static bool TryParse(string? text, out BucketWidth width)
    {
        width = default;
        var parts = (text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length != 2 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var amount)
            || amount is < 1 or > 10_000)
        {
            return false;
        }

        width = parts[1].TrimEnd('s') switch
        {
            "minute" => Fixed(TimeSpan.FromMinutes(amount)),
            "hour" => Fixed(TimeSpan.FromHours(amount)),
            "day" => Fixed(TimeSpan.FromDays(amount)),
            "week" => Fixed(TimeSpan.FromDays(7 * amount)),
            "month" => Calendar(amount),
            "year" => Calendar(12 * amount),
            _ => default,
        };
        return width != default;
    }

    /// <summary>The start of the bucket that holds the instant.</summary>
    public Instant Floor(Instant instant)
    {
        if (Months == 0)
        {
            return new Instant(Math.Max(instant.Micros - Modulo(instant.Micros - FixedOrigin, Micros), Instant.MinValue.Micros));
        }

        var month = MonthOf(instant);
        return FromMonth(month - (int)Modulo(month, Months));
    }

    /// <summary>The exclusive end of the bucket that holds the instant. The first bucket of all may begin before the year 1.</summary>
    public Instant End(Instant instant)
    {
        if (Months == 0)
        {
            return Instant.Clamp(instant.Micros - Modulo(instant.Micros - FixedOrigin, Micros) + Micros);
        }

        var month = MonthOf(instant);
        return FromMonth(month - (int)Modulo(month, Months) + Months);
    }

    /// <summary>The first bucket start at or after the instant.</summary>
    public Instant Ceiling(Instant instant)
    {
        var start = Floor(instant);
        return start == instant ? start : End(instant);
    }

    /// <summary>Whether every bucket of <paramref name="coarser"/> is made of whole buckets of this width, more than one.</summary>
    public bool Divides(BucketWidth coarser) => (Months, coarser.Months) switch
    {
        (0, 0) => coarser.Micros > Micros && coarser.Micros % Micros == 0,
        (0, _) => MicrosPerDay % Micros == 0,
        (_, 0) => false,
        _ => coarser.Months > Months && coarser.Months % Months == 0,
    };

    public override string ToString() => (Months, Micros) switch
    {
        ( > 0, _) when Months % 12 == 0 => Plural(Months / 12, "year"),
        ( > 0, _) => Plural(Months, "month"),
        _ when Micros % MicrosPerDay == 0 => Plural(Micros / MicrosPerDay, "day"),
        _ when Micros % 3_600_000_000 == 0 => Plural(Micros / 3_600_000_000, "hour"),
        _ when Micros % 60_000_000 == 0 => Plural(Micros / 60_000_000, "minute"),
        _ => Plural(Micros / 1_000_000, "second"),
    };

    private static string Plural(long amount, string unit)
        => string.Create(CultureInfo.InvariantCulture, $"{amount} {unit}{(amount == 1 ? "" : "s")}");

    private static int MonthOf(Instant instant)
    {
        var date = Instant.Clamp(instant.Micros).ToDateTime();
        return ((date.Year - 2000) * 12) + date.Month - 1;
    }

    private static Instant FromMonth(int monthsSince2000)
    {
        var index = monthsSince2000 + (2000 * 12);
        return index switch
        {
            < 12 => Instant.MinValue,
            >= 10_000 * 12 => Instant.MaxValue,
            _ => Instant.Utc(index / 12, (index % 12) + 1, 1),
        };
    }

    private static long Modulo(long value, long divisor) => ((value % divisor) + divisor) % divisor;
}
