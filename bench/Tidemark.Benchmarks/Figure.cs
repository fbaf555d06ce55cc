using System.Globalization;

namespace Tidemark.Benchmarks;

/// <summary>One line of the report.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The figure with its unit.</param>
/// <param name="Reach">The bound; empty when there is none.</param>
/// <param name="Met">Whether the figure keeps the bound; null when there is none.</param>
/// <param name="Beside">What helps to judge the figure.</param>
internal sealed record Figure(string Name, string Value, string Reach, bool? Met, string Beside)
{
    public static Figure Below(string name, double value, double bound, string unit, string beside)
        => new(name, Text(value, unit), $"under {Plain(bound)} {unit}", value < bound, beside);

    public static Figure AtLeast(string name, double value, double bound, string unit, string beside)
        => new(name, Text(value, unit), $"at least {WithUnit(Plain(bound), unit)}", value >= bound, beside);

    public static Figure Free(string name, double value, string unit, string beside) => new(name, Text(value, unit), "", null, beside);

    /// <summary>Three significant digits; multiples (×) stand without a space.</summary>
    public static string Text(double value, string unit)
    {
        var digits = value switch
        {
            >= 100 => "F0",
            >= 10 => "F1",
            _ => "F2",
        };
        return WithUnit(value.ToString(digits, CultureInfo.InvariantCulture), unit);
    }

    public static string Millis(double value) => Text(value, "ms");

    private static string WithUnit(string number, string unit) => unit is "" or "×" ? number + unit : $"{number} {unit}";

    private static string Plain(double value) => value.ToString(CultureInfo.InvariantCulture);
}
