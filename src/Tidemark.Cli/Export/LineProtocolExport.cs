using System.Globalization;
using System.Text;
using Tidemark.Server.Export;

namespace Tidemark.Cli.Export;

/// <summary>
/// InfluxDB line protocol: the table is the measurement, the sensor id a tag, each value that isn't null a field; times in nanoseconds.
/// </summary>
internal static class LineProtocolExport
{
    // Nanoseconds of 64 bits, without the ends that InfluxDB keeps for itself.
    private const long MostMicros = (long.MaxValue - 1) / 1000;

    public static async Task WriteAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
    {
        await using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 1 << 16, leaveOpen: true)
        {
            NewLine = "\n",
        };
        var empty = 0L;
        var line = new StringBuilder();
        await foreach (var batch in table.Batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (TryMake(line, table, batch, row))
                {
                    await text.WriteAsync(line, cancellationToken);
                }
                else
                {
                    empty++;
                }
            }
        }

        if (empty > 0)
        {
            Terminal.Note($"{Readable.Count(empty, "reading")} without any value left out: line protocol has none");
        }
    }

    private static bool TryMake(StringBuilder line, ExportTable table, ExportBatch batch, int row)
    {
        line.Clear().Append(table.Name).Append(',').Append(ExportTable.SensorColumn).Append('=');
        AppendTag(line, batch.SensorId(row));
        var separator = ' ';
        for (var column = 0; column < table.Values.Count; column++)
        {
            if (batch.Value(row, column) is var value && !double.IsNaN(value))
            {
                line.Append(separator).Append(table.Values[column]).Append('=').Append(CultureInfo.InvariantCulture, $"{value}");
                separator = ',';
            }
        }

        if (table.HasCounts)
        {
            line.Append(separator).Append(ExportTable.CountColumn).Append('=')
                .Append(CultureInfo.InvariantCulture, $"{batch.ReadingCount(row)}i");
            separator = ',';
        }

        var micros = batch.Time(row).Micros;
        if (micros is < -MostMicros or > MostMicros)
        {
            throw new CommandFailedException($"the time {batch.Time(row)} of sensor '{batch.SensorId(row)}' is before 1677 or after 2262, "
                + "which line protocol doesn't have: limit the export with --from and --to, or export another format");
        }

        line.Append(CultureInfo.InvariantCulture, $" {micros}000\n");

        return separator == ',';
    }

    /// <summary>Before anything but these a backslash stands for itself.</summary>
    private static void AppendTag(StringBuilder line, string id)
    {
        if (id.EndsWith('\\'))
        {
            throw new CommandFailedException(
                $"the sensor id '{id}' ends with a backslash, which no tag of line protocol can: export another format");
        }

        foreach (var c in id)
        {
            _ = c is ',' or '=' or ' ' ? line.Append('\\').Append(c) : line.Append(c);
        }
    }
}
