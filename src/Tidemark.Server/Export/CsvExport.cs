using System.Globalization;
using System.Text;

namespace Tidemark.Server.Export;

/// <summary>
/// CSV in UTF-8 with a header, times RFC 3339 in UTC, numbers that read back as the same, empty fields for nulls. A sensor id with blanks
/// at its ends is quoted, which no library's writer does: readers trim what isn't.
/// </summary>
internal static class CsvExport
{
    public static async Task WriteAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
    {
        await using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 1 << 16, leaveOpen: true);
        string[] counts = table.HasCounts ? [ExportTable.CountColumn] : [];
        string[] filled = table.HasFilled ? [ExportTable.FilledColumn] : [];
        string[] header = [table.TimeColumn, ExportTable.SensorColumn, .. table.Values, .. counts, .. filled];
        var line = new StringBuilder().AppendJoin(',', header).Append('\n');
        await text.WriteAsync(line, cancellationToken);
        await foreach (var batch in table.Batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                Make(line.Clear(), table, batch, row);
                await text.WriteAsync(line, cancellationToken);
            }
        }
    }

    private static void Make(StringBuilder line, ExportTable table, ExportBatch batch, int row)
    {
        if (table.EpochMillis)
        {
            line.Append(batch.Time(row).EpochMillis).Append(',');
        }
        else
        {
            line.Append(batch.Time(row)).Append(',');
        }

        AppendText(line, batch.SensorId(row));
        for (var column = 0; column < table.Values.Count; column++)
        {
            line.Append(',');
            if (batch.Value(row, column) is var value && !double.IsNaN(value))
            {
                line.Append(CultureInfo.InvariantCulture, $"{value}");
            }
        }

        if (table.HasCounts)
        {
            line.Append(CultureInfo.InvariantCulture, $",{batch.ReadingCount(row)}");
        }

        if (table.HasFilled)
        {
            line.Append(batch.IsFilled(row) ? ",true" : ",false");
        }

        line.Append('\n');
    }

    /// <summary>Sensor ids have no ends of lines.</summary>
    private static void AppendText(StringBuilder line, string text)
    {
        if (text.AsSpan().ContainsAny(',', '"') || text.Trim().Length < text.Length)
        {
            line.Append('"').Append(text.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
        }
        else
        {
            line.Append(text);
        }
    }
}
