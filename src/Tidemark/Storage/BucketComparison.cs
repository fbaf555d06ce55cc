using System.Globalization;

namespace Tidemark.Storage;

/// <summary>The rule by which a materialised bucket is the same as one made from raw readings.</summary>
public static class BucketComparison
{
    private const double Tolerance = 1e-9;

    /// <summary>Compares the reading count and then the aggregate's columns, NaN for null.</summary>
    /// <returns>What differs, in one line; null when nothing does.</returns>
    public static string? Difference(AggregateDefinition aggregate, ReadOnlySpan<double> stored, ReadOnlySpan<double> raw)
    {
        List<string>? differences = null;
        for (var i = 0; i < stored.Length; i++)
        {
            var column = i == 0 ? "reading_count" : aggregate.Columns[i - 1];
            if (!IsSame(column, stored[i], raw[i]))
            {
                (differences ??= []).Add($"{column} {Text(stored[i])}, from raw {Text(raw[i])}");
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
        => column == "reading_count" || column.StartsWith("min_", StringComparison.Ordinal)
            || column.StartsWith("max_", StringComparison.Ordinal);

    private static string Text(double value) => double.IsNaN(value) ? "null" : value.ToString("R", CultureInfo.InvariantCulture);
}
