using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using TimeUnit = Apache.Arrow.Types.TimeUnit;

namespace Tidemark.Server.Export;

/// <summary>An Arrow IPC stream with UTC timestamps in microseconds and nullable doubles, a record batch at a time in memory.</summary>
internal static class ArrowExport
{
    public const string ContentType = "application/vnd.apache.arrow.stream";

    private static readonly TimestampType Micros = new(TimeUnit.Microsecond, "UTC");

    public static async Task WriteAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
    {
        var schema = new Apache.Arrow.Schema(Fields(table), null);
        using var writer = new ArrowStreamWriter(stream, schema, leaveOpen: true);
        await writer.WriteStartAsync(cancellationToken);
        await foreach (var batch in table.Batches.WithCancellation(cancellationToken))
        {
            using var record = new RecordBatch(schema, Columns(table, batch), batch.Count);
            await writer.WriteRecordBatchAsync(record, cancellationToken);
        }

        await writer.WriteEndAsync(cancellationToken);
    }

    private static IEnumerable<Field> Fields(ExportTable table) =>
    [
        new Field(table.TimeColumn, Micros, nullable: false),
        new Field(ExportTable.SensorColumn, StringType.Default, nullable: false),
        .. table.Values.Select(name => new Field(name, DoubleType.Default, nullable: true)),
        .. (Field[])(table.HasCounts ? [new Field(ExportTable.CountColumn, Int64Type.Default, nullable: false)] : []),
        .. (Field[])(table.HasFilled ? [new Field(ExportTable.FilledColumn, BooleanType.Default, nullable: false)] : []),
    ];

    private static IEnumerable<IArrowArray> Columns(ExportTable table, ExportBatch batch)
    {
        var rows = Enumerable.Range(0, batch.Count);
        var times = new ArrowBuffer.Builder<long>(batch.Count).AppendRange(rows.Select(row => batch.Time(row).Micros));
        yield return new TimestampArray(Micros, times.Build(), ArrowBuffer.Empty, batch.Count, nullCount: 0, offset: 0);
        yield return new StringArray.Builder().Reserve(batch.Count).AppendRange(rows.Select(batch.SensorId)).Build();
        for (var column = 0; column < table.Values.Count; column++)
        {
            yield return Doubles(batch, column);
        }

        if (table.HasCounts)
        {
            yield return new Int64Array.Builder().Reserve(batch.Count).AppendRange(rows.Select(batch.ReadingCount)).Build();
        }

        if (table.HasFilled)
        {
            yield return new BooleanArray.Builder().Reserve(batch.Count).AppendRange(rows.Select(batch.IsFilled)).Build();
        }
    }

    private static DoubleArray Doubles(ExportBatch batch, int column)
    {
        var values = new DoubleArray.Builder().Reserve(batch.Count);
        for (var row = 0; row < batch.Count; row++)
        {
            var value = batch.Value(row, column);
            _ = double.IsNaN(value) ? values.AppendNull() : values.Append(value);
        }

        return values.Build();
    }
}
