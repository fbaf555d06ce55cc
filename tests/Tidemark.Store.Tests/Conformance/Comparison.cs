using System.Globalization;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>One row of an aggregate as a reader gives it; NaN stands for null.</summary>
public sealed record AnswerRow(Instant Bucket, string SensorId, long ReadingCount, double[] Values);

/// <summary>The rule by which two engines agree: sums and averages within 1e-9, all else exactly.</summary>
public static class Comparison
{
    private const double Tolerance = 1e-9;

    /// <summary>Null when equal, else the first difference.</summary>
    public static string? Difference(IReadOnlyList<string> columns, AnswerRow expected, AnswerRow actual)
    {
        if ((expected.Bucket, expected.SensorId, expected.ReadingCount) != (actual.Bucket, actual.SensorId, actual.ReadingCount))
        {
            return $"{Text(expected)} but {Text(actual)}";
        }

        for (var c = 0; c < columns.Count; c++)
        {
            var (e, a) = (expected.Values[c], actual.Values[c]);
            if (columns[c].StartsWith("avg_", StringComparison.Ordinal) || columns[c].StartsWith("sum_", StringComparison.Ordinal)
                ? !IsClose(e, a)
                : !e.Equals(a))
            {
                return string.Create(CultureInfo.InvariantCulture, $"{columns[c]} {e:R} but {a:R} in {Text(expected)}");
            }
        }

        return null;
    }

    internal static string? Difference(IReadOnlyList<string> columns, ReferenceRow? expected, ReferenceRow? actual)
        => expected is null || actual is null
            ? $"{(expected ?? actual)!.Key} is in one only"
            : Difference(columns, Answer(expected), Answer(actual));

    /// <summary>Null when equal, the rows in any order, else the first difference.</summary>
    public static string? Difference(Answer expected, Answer actual) => expected.Columns.SequenceEqual(actual.Columns)
        ? Difference(expected.Columns, expected.Rows, actual.Rows)
        : $"columns {string.Join(", ", expected.Columns)} but {string.Join(", ", actual.Columns)}";

    private static string? Difference(IReadOnlyList<string> columns, IReadOnlyList<AnswerRow> expected, IReadOnlyList<AnswerRow> actual)
    {
        static IEnumerable<AnswerRow> Sorted(IEnumerable<AnswerRow> rows)
            => rows.OrderBy(r => r.Bucket).ThenBy(r => r.SensorId, StringComparer.Ordinal);
        return expected.Count == actual.Count
            ? Sorted(expected).Zip(Sorted(actual), (e, a) => Difference(columns, e, a)).FirstOrDefault(d => d is not null)
            : $"{expected.Count} rows ({string.Join(", ", Sorted(expected).Select(Text))}) but {actual.Count} "
                + $"({string.Join(", ", Sorted(actual).Select(Text))})";
    }

    public static bool IsClose(double expected, double actual)
        => expected.Equals(actual) || Math.Abs(expected - actual) <= Tolerance * Math.Max(1, Math.Abs(expected));

    private static AnswerRow Answer(ReferenceRow row) => new(row.Bucket, row.SensorId, row.ReadingCount, row.Columns());

    private static string Text(AnswerRow row) => $"{row.Bucket} {row.SensorId} ×{row.ReadingCount}";
}
