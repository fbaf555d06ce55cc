namespace Tidemark.Ingest.LineProtocol;

/// <summary>What the times of lines count since 1970.</summary>
/// <param name="Name">As version 2 of InfluxDB's API says it.</param>
/// <param name="Nanos">How many nanoseconds one is; 0 when the size of each number tells.</param>
public sealed record LinePrecision(string Name, long Nanos)
{
    public const string Form = "ns, us, ms, s, m or h";

    // InfluxDB keeps the ends of 64 bits for itself.
    private const long MostNanos = long.MaxValue - 1;

    public static readonly LinePrecision Nanoseconds = new("ns", 1);

    public static readonly LinePrecision Seconds = new("s", 1_000_000_000);

    /// <summary>Seconds, milliseconds, microseconds or nanoseconds, whichever give a time before 2128; as version 3 guesses.</summary>
    public static readonly LinePrecision Auto = new("auto", 0);

    private static readonly LinePrecision Microseconds = new("us", 1_000);

    private static readonly LinePrecision Milliseconds = new("ms", 1_000_000);

    private static readonly LinePrecision[] All =
    [
        Nanoseconds,
        Microseconds,
        Milliseconds,
        Seconds,
        new("m", 60 * 1_000_000_000L),
        new("h", 3_600 * 1_000_000_000L),
    ];

    /// <param name="name">One of <see cref="Form"/>, or another name that a version of the API has for it.</param>
    /// <returns>Null when there is no precision of that name.</returns>
    public static LinePrecision? Find(string? name)
    {
        var known = name switch
        {
            "n" or "nanosecond" => "ns",
            "u" or "µ" or "microsecond" => "us",
            "millisecond" => "ms",
            "second" => "s",
            _ => name,
        };
        return All.FirstOrDefault(precision => precision.Name == known);
    }

    /// <summary>Nanoseconds are cut off towards the past: −1 ns is −1 µs.</summary>
    /// <returns>False for a time that 64 bits of nanoseconds can't hold (before 1677 or after 2262), as InfluxDB answers.</returns>
    public bool TryRead(long number, out Instant time)
    {
        if (Nanos == 0)
        {
            return Guess(number).TryRead(number, out time);
        }

        var most = MostNanos / Nanos;
        if (number < -most || number > most)
        {
            time = default;
            return false;
        }

        var (micros, rest) = Math.DivRem(number * Nanos, 1_000);
        time = new Instant(rest < 0 ? micros - 1 : micros);
        return true;
    }

    private static LinePrecision Guess(long number) => Math.Abs(number / 1_000_000_000) switch
    {
        < 5 => Seconds,
        < 5_000 => Milliseconds,
        < 5_000_000 => Microseconds,
        _ => Nanoseconds,
    };
}
