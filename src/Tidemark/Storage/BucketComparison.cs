using System.Globalization;

namespace Tidemark.Storage;

/// <summary>The rule by which a materialised bucket is the same as one made from raw readings.</summary>
public static class BucketComparison
{
    private const double Tolerance = 1e-9;
    private const string ReadingCount = "reading_count";

    /// <summary>Compares the reading count and then the columns, NaN for null.</summary>
    /// <returns>What differs, in one line; null when nothing does.</returns>
    public static string? Difference(IReadOnlyList<string> columns, ReadOnlySpan<double> stored, ReadOnlySpan<double> raw)
        => ValueDifference([ReadingCount, .. columns], stored, raw);

    /// <summary>Compares columns, NaN for null.</summary>
    /// <inheritdoc cref="Difference" path="/returns"/>
    public static string? ValueDifference(IReadOnlyList<string> columns, ReadOnlySpan<double> stored, ReadOnlySpan<double> raw)
    {
        List<string>? differences = null;
        for (var i = 0; i < stored.Length; i++)
        {
            if (!IsSame(columns[i], stored[i], raw[i]))
            {
                (differences ??= []).Add($"{columns[i]} {Text(stored[i])}, from raw {Text(raw[i])}");
            }
        }

        return differences is null ? null : string.Join(", ", differences);
    }

    /// <summary>Sums and averages depend on the order of addition, so they may differ a little; the rest may not.</summary>
    private static bool IsSame(string column, double a, double b)
        => double.IsNaN(a) || double.IsNaN(b)
            ? double.IsNaN(a) && double.IsNaN(b)
            : a == b || (!IsExact(column) && Math.Abs(a - b) <= Tolerance * Math.Max(1, Math.Max(Math.Abs(a), Math.Abs(b))));

    private static bool IsExact(string column)
        => column == ReadingCount || column.StartsWith("min_", StringComparison.Ordinal)
            || column.StartsWith("max_", StringComparison.Ordinal);

    private static string Text(double value) => double.IsNaN(value) ? "null" : value.ToString("R", CultureInfo.InvariantCulture);
}
