namespace Tidemark.Time;

/// <summary>What a time that is given as a number counts since 1970.</summary>
/// <param name="Name">As senders say it.</param>
/// <param name="Plural">For people.</param>
/// <param name="Micros">How many microseconds one is.</param>
public sealed record TimeUnit(string Name, string Plural, decimal Micros)
{
    public const string Form = "s, ms, us or ns";

    public static readonly TimeUnit Milliseconds = new("ms", "milliseconds", 1000);

    public static IReadOnlyList<TimeUnit> All { get; }
        = [new("s", "seconds", 1_000_000), Milliseconds, new("us", "microseconds", 1), new("ns", "nanoseconds", 0.001m)];

    /// <returns>Null when there is no unit of that name.</returns>
    public static TimeUnit? Find(string? name) => All.FirstOrDefault(unit => unit.Name == name);

    /// <summary>Cuts to microseconds. Only seconds may have decimals.</summary>
    public bool TryRead(decimal number, out Instant time)
    {
        time = default;
        var valid = (decimal.IsInteger(number) || Micros == 1_000_000)
            && number >= Instant.MinValue.Micros / Micros && number <= Instant.MaxValue.Micros / Micros;
        if (valid)
        {
            time = new Instant((long)decimal.Floor(number * Micros));
        }

        return valid;
    }
}
