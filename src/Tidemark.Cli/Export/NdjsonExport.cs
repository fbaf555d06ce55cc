using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tidemark.Cli.Export;

/// <summary>NDJSON: an object a row, times RFC 3339 in UTC, numbers that read back as the same, nulls left out.</summary>
internal static class NdjsonExport
{
    private const int FlushBytes = 1 << 16;

    public static async Task WriteAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
    {
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
        var buffer = new ArrayBufferWriter<byte>(2 * FlushBytes);
        await using var json = new Utf8JsonWriter(buffer, options);
        var names = table.Values.Select(name => JsonEncodedText.Encode(name, options.Encoder)).ToArray();
        await foreach (var batch in table.Batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                Write(json, table, names, batch, row);
                buffer.Write("\n"u8);
                if (buffer.WrittenCount >= FlushBytes)
                {
                    await stream.WriteAsync(buffer.WrittenMemory, cancellationToken);
                    buffer.ResetWrittenCount();
                }
            }
        }

        await stream.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }

    private static void Write(Utf8JsonWriter json, ExportTable table, JsonEncodedText[] names, ExportBatch batch, int row)
    {
        json.WriteStartObject();
        json.WriteString(table.TimeColumn, batch.Time(row).ToString());
        json.WriteString(ExportTable.SensorColumn, batch.SensorId(row));
        for (var column = 0; column < names.Length; column++)
        {
            if (batch.Value(row, column) is var value && !double.IsNaN(value))
            {
                json.WriteNumber(names[column], value);
            }
        }

        if (table.HasCounts)
        {
            json.WriteNumber(ExportTable.CountColumn, batch.ReadingCount(row));
        }

        json.WriteEndObject();
        json.Flush();
        json.Reset();
    }
}
