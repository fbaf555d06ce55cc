using System.Globalization;

namespace Tidemark.Configuration;

/// <summary>
/// Durations and sizes as text with a unit: <c>30d</c>, <c>64MiB</c>. Bare numbers and the ambiguous <c>m</c> are refused.
/// </summary>
public static class TypedText
{
    public const string DurationForm = "a whole number and s, min, h, d or w, such as 90d";

    public const string SizeForm = "a whole number and KiB, MiB or GiB, such as 64MiB";

    private static readonly (string Unit, long Ticks)[] Durations =
    [
        ("min", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond), ("h", TimeSpan.TicksPerHour),
        ("d", TimeSpan.TicksPerDay), ("w", 7 * TimeSpan.TicksPerDay),
    ];

    private static readonly (string Unit, long Bytes)[] Sizes = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30)];

    /// <summary>Positive, at most a hundred years.</summary>
    public static bool TryParseDuration(string? text, out TimeSpan duration)
    {
        var valid = TryParse(text, Durations, 36_525 * TimeSpan.TicksPerDay, out var ticks);
        duration = new TimeSpan(ticks);
        return valid;
    }

    /// <summary>Positive, at most 1024 GiB.</summary>
    public static bool TryParseSize(string? text, out long bytes) => TryParse(text, Sizes, 1L << 40, out bytes);

    public static string Format(TimeSpan duration) => Format(duration.Ticks, Durations.OrderByDescending(d => d.Ticks));

    public static string Format(long bytes) => Format(bytes, Sizes.Reverse());

    private static string Format(long value, IEnumerable<(string Unit, long Factor)> units)
    {
        var (unit, factor) = units.First(u => value % u.Factor == 0 || u.Factor is TimeSpan.TicksPerSecond or (1L << 10));
        return string.Create(CultureInfo.InvariantCulture, $"{value / factor}{unit}");
    }

    private static bool TryParse(string? text, (string Unit, long Factor)[] units, long most, out long value)
    {
        value = 0;
        foreach (var (unit, factor) in units)
        {
            if (text is not null && text.EndsWith(unit, StringComparison.Ordinal)
                && long.TryParse(
                    text.AsSpan(0, text.Length - unit.Length),
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out var amount))
            {
                value = amount > most / factor ? 0 : amount * factor;
                return value > 0;
            }
        }

        return false;
    }
}
