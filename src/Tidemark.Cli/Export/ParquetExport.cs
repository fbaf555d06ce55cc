using System.IO.Compression;
using Parquet;
using Parquet.Schema;

namespace Tidemark.Cli.Export;

/// <summary>Parquet with UTC timestamps in microseconds and nullable doubles, compressed, a row group at a time in memory.</summary>
internal static class ParquetExport
{
    /// <summary>The size of DuckDB's row groups, which its scans run over in parallel.</summary>
    public const int GroupRows = 122_880;

    public static async Task WriteAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
    {
        var schema = new ParquetSchema(Fields(table));
        var group = new Group(table);
        await using var writer = await ParquetWriter.CreateAsync(
            schema, stream, new ParquetOptions
            {
                CompressionMethod = CompressionMethod.Zstd,
                CompressionLevel = CompressionLevel.Optimal
            }, append: false, cancellationToken);
        await foreach (var batch in table.Batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                group.Add(batch, row);
                if (group.Count == GroupRows)
                {
                    await group.WriteAsync(writer, schema.DataFields, cancellationToken);
                }
            }
        }

        if (group.Count > 0)
        {
            await group.WriteAsync(writer, schema.DataFields, cancellationToken);
        }
    }

    private static List<Field> Fields(ExportTable table) =>
    [
        new DateTimeDataField(
            table.TimeColumn,
            DateTimeFormat.Timestamp,
            isAdjustedToUTC: true,
            unit: DateTimeTimeUnit.Micros,
            isNullable: false),
        new DataField(ExportTable.SensorColumn, typeof(string), isNullable: false),
        .. table.Values.Select(name => new DataField(name, typeof(double), isNullable: true)),
        .. table.HasCounts ? [new DataField(ExportTable.CountColumn, typeof(long), isNullable: false)] : Array.Empty<Field>(),
    ];

    /// <summary>The columns of one row group.</summary>
    private sealed class Group(ExportTable table)
    {
        private readonly DateTime[] _times = new DateTime[GroupRows];
        private readonly string[] _sensorIds = new string[GroupRows];
        private readonly double?[][] _values = [.. table.Values.Select(_ => new double?[GroupRows])];
        private readonly long[] _counts = new long[GroupRows];

        public int Count { get; private set; }

        public void Add(ExportBatch batch, int row)
        {
            _times[Count] = batch.Time(row).ToDateTime();
            _sensorIds[Count] = batch.SensorId(row);
            _counts[Count] = batch.ReadingCount(row);
            for (var column = 0; column < _values.Length; column++)
            {
                var value = batch.Value(row, column);
                _values[column][Count] = double.IsNaN(value) ? null : value;
            }

            Count++;
        }

        /// <summary>Writes the rows and is empty again.</summary>
        public async Task WriteAsync(ParquetWriter writer, DataField[] fields, CancellationToken cancellationToken)
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<DateTime>(fields[0], _times.AsMemory(0, Count), cancellationToken: cancellationToken);
            await group.WriteAsync(fields[1], new ArraySegment<string>(_sensorIds, 0, Count));
            for (var column = 0; column < _values.Length; column++)
            {
                await group.WriteAsync<double>(
                    fields[2 + column],
                    _values[column].AsMemory(0, Count),
                    cancellationToken: cancellationToken);
            }

            if (table.HasCounts)
            {
                await group.WriteAsync<long>(fields[^1], _counts.AsMemory(0, Count), cancellationToken: cancellationToken);
            }

            group.CompleteValidate();
            Count = 0;
        }
    }
}
