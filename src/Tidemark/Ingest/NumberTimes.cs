namespace Tidemark.Ingest;

/// <summary>
/// Reads the times of readings that are numbers, in the unit that was said. When none was, a number is milliseconds,
/// and is refused where that gives a time that nobody means: before 1990 or ahead of the clock.
/// </summary>
/// <param name="unit">Null when none was said.</param>
/// <param name="maxSkew">How far ahead of the clock a reading may be.</param>
/// <param name="clock">What times are held against.</param>
/// <param name="option">How a unit is said, such as <c>time_unit=</c>: for errors.</param>
public sealed class NumberTimes(TimeUnit? unit, TimeSpan maxSkew, TimeProvider clock, string option)
{
    private static readonly Instant Earliest = Instant.Utc(1990, 1, 1);

    /// <summary>Takes any number as milliseconds.</summary>
    public static NumberTimes Milliseconds { get; } = new(TimeUnit.Milliseconds, TimeSpan.Zero, TimeProvider.System, "");

    /// <param name="number">As sent.</param>
    /// <param name="shown">As errors show it.</param>
    /// <param name="time">To the microsecond.</param>
    /// <returns>Null, or one line that says what is wrong.</returns>
    public string? Read(decimal number, string shown, out Instant time)
    {
        var counted = unit ?? TimeUnit.Milliseconds;
        var valid = counted.TryRead(number, out time);
        if (valid && (unit is not null || IsLikely(time)))
        {
            return null;
        }

        if (unit is null && TimeUnit.All.FirstOrDefault(other => other.TryRead(number, out var read) && IsLikely(read)) is { } likely)
        {
            return $"time {shown} looks like {likely.Plural}, not milliseconds: say so with {option}{likely.Name}";
        }

        return valid
            ? $"time {shown} as milliseconds is {time}, not between 1990 and now: send RFC 3339, or say the unit with "
                + $"{option}{counted.Name}"
            : $"time {shown} is not a {(counted.Name == "s" ? "" : "whole ")}number of epoch {counted.Plural} between the years 1 and 9999";
    }

    private bool IsLikely(Instant time) => time >= Earliest && time <= Instant.From(clock.GetUtcNow()) + maxSkew;
}
