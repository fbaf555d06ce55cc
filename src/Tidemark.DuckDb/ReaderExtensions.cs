using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

internal static class ReaderExtensions
{
    public static Instant? InstantOrNull(this DuckDBDataReader reader, int column)
        => reader.IsDBNull(column) ? null : new Instant(reader.GetInt64(column));

    /// <summary>A double, NaN for NULL.</summary>
    public static double DoubleOrNaN(this DuckDBDataReader reader, int column)
        => reader.IsDBNull(column) ? double.NaN : reader.GetDouble(column);

    public static double[] Doubles(this DuckDBDataReader reader, int first, int count)
    {
        var values = new double[count];
        reader.Doubles(first, values);
        return values;
    }

    public static void Doubles(this DuckDBDataReader reader, int first, Span<double> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = reader.DoubleOrNaN(first + i);
        }
    }
}
