using System.Buffers;
using System.Text.Json;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Export;

/// <summary>JSON, an object a row, times RFC 3339 in UTC or epoch milliseconds, numbers that read back as the same.</summary>
internal static class JsonExport
{
    private const int FlushBytes = 1 << 16;

    /// <summary>NDJSON; nulls are left out.</summary>
    public static Task WriteLinesAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
        => WriteAsync(table, stream, isArray: false, cancellationToken);

    /// <summary>One array of all rows, each with all members.</summary>
    public static Task WriteArrayAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
        => WriteAsync(table, stream, isArray: true, cancellationToken);

    private static async Task WriteAsync(ExportTable table, Stream stream, bool isArray, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(2 * FlushBytes);
        await using var json = new Utf8JsonWriter(buffer, WireJson.Fast);
        var names = Names.Encode([table.TimeColumn, ExportTable.SensorColumn, .. table.Values, ExportTable.CountColumn]);
        buffer.Write(isArray ? "["u8 : ""u8);
        var isFirst = true;
        await foreach (var batch in table.Batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                buffer.Write(isFirst || !isArray ? ""u8 : ","u8);
                isFirst = false;
                Write(json, table, names, batch, row, withNulls: isArray);
                buffer.Write(isArray ? ""u8 : "\n"u8);
                if (buffer.WrittenCount >= FlushBytes)
                {
                    await stream.WriteAsync(buffer.WrittenMemory, cancellationToken);
                    buffer.ResetWrittenCount();
                }
            }
        }

        buffer.Write(isArray ? "]"u8 : ""u8);
        await stream.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }

    private static void Write(Utf8JsonWriter json, ExportTable table, JsonEncodedText[] names, ExportBatch batch, int row, bool withNulls)
    {
        json.WriteStartObject();
        if (table.EpochMillis)
        {
            json.WriteNumber(names[0], batch.Time(row).EpochMillis);
        }
        else
        {
            json.WriteInstant(names[0], batch.Time(row));
        }

        json.WriteString(names[1], batch.SensorId(row));
        for (var column = 0; column < table.Values.Count; column++)
        {
            var value = batch.Value(row, column);
            if (withNulls || double.IsFinite(value))
            {
                json.WriteValue(names[2 + column], value);
            }
        }

        if (table.HasCounts)
        {
            json.WriteNumber(names[^1], batch.ReadingCount(row));
        }

        if (table.HasFilled)
        {
            json.WriteBoolean(ExportTable.FilledColumn, batch.IsFilled(row));
        }

        json.WriteEndObject();
        json.Flush();
        json.Reset();
    }
}
