using System.Globalization;

namespace Tidemark.Time;

/// <summary>
/// How far back a query looks: a positive whole number and <c>h</c>, <c>d</c>, <c>w</c>, <c>m</c> (calendar months)
/// or <c>y</c> (calendar years), at most a hundred years.
/// </summary>
public readonly record struct Period(int Amount, char Unit)
{
    public const string Form = "a positive whole number and h, d, w, m or y, such as 12h, 1d, 2w, 3m or 1y";

    private const int MaxYears = 100;

    public static Period Parse(string text)
        => TryParse(text, out var period, out var error) ? period : throw new FormatException(error);

    public static bool TryParse(string? text, out Period period, out string error)
    {
        period = default;
        error = $"period '{text}' is not {Form}";
        if (string.IsNullOrEmpty(text) || !"hdwmy".Contains(text[^1], StringComparison.Ordinal))
        {
            return false;
        }

        var digits = text.AsSpan(0, text.Length - 1);
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9') || digits.TrimStart('0').IsEmpty)
        {
            return false;
        }

        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var amount) || amount > Longest(text[^1]))
        {
            error = $"period '{text}' is longer than {MaxYears}y";
            return false;
        }

        period = new Period(amount, text[^1]);
        error = "";
        return true;
    }

    /// <summary>
    /// The range that begins just after <paramref name="now"/> − period and has no end. Months and years are calendar
    /// ones in UTC: a day that the earlier month lacks becomes that month's last.
    /// </summary>
    public TimeRange Until(Instant now) => new(new Instant(Before(now).Micros + 1), Instant.MaxValue);

    public override string ToString() => $"{Amount}{Unit}";

    private Instant Before(Instant now) => Unit switch
    {
        'h' => now - TimeSpan.FromHours(Amount),
        'd' => now - TimeSpan.FromDays(Amount),
        'w' => now - TimeSpan.FromDays(7 * Amount),
        'm' => Instant.From(now.ToDateTimeOffset().AddMonths(-Amount)),
        _ => Instant.From(now.ToDateTimeOffset().AddYears(-Amount)),
    };

    private static int Longest(char unit) => MaxYears * unit switch
    {
        'h' => 366 * 24,
        'd' => 366,
        'w' => 53,
        'm' => 12,
        _ => 1,
    };
}
