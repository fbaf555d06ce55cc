namespace Tidemark.Ingest.LineProtocol;

/// <summary>What the times of lines count since 1970.</summary>
/// <param name="Name">As version 2 of InfluxDB's API says it.</param>
/// <param name="Nanos">How many nanoseconds one is.</param>
public sealed record LinePrecision(string Name, long Nanos)
{
    public const string Form = "ns, us, ms, s, m or h";

    // InfluxDB keeps the ends of 64 bits for itself.
    private const long MostNanos = long.MaxValue - 1;

    public static readonly LinePrecision Nanoseconds = new("ns", 1);

    public static readonly LinePrecision Seconds = new("s", 1_000_000_000);

    private static readonly LinePrecision[] All =
    [
        Nanoseconds,
        new("us", 1_000),
        new("ms", 1_000_000),
        Seconds,
        new("m", 60 * 1_000_000_000L),
        new("h", 3_600 * 1_000_000_000L),
    ];

    /// <param name="name">One of <see cref="Form"/>, or <c>n</c> and <c>u</c> as version 1 of the API says them.</param>
    /// <returns>Null when there is no precision of that name.</returns>
    public static LinePrecision? Find(string? name)
    {
        var known = name switch
        {
            "n" => "ns",
            "u" => "us",
            _ => name,
        };
        return All.FirstOrDefault(precision => precision.Name == known);
    }

    /// <summary>Nanoseconds are cut off towards the past: −1 ns is −1 µs.</summary>
    /// <returns>False for a time that 64 bits of nanoseconds can't hold (before 1677 or after 2262), as InfluxDB answers.</returns>
    public bool TryRead(long number, out Instant time)
    {
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
}
