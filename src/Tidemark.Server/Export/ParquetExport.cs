using System.IO.Compression;
using Parquet;
using Parquet.Schema;

namespace Tidemark.Server.Export;

/// <summary>Parquet with UTC timestamps in microseconds and nullable doubles, compressed, a row group at a time in memory.</summary>
internal static class ParquetExport
{
    public const string ContentType = "application/vnd.apache.parquet";

    /// <summary>The size of DuckDB's row groups, which its scans run over in parallel.</summary>
    private const int GroupRows = 122_880;

    /// <summary>Groups of very many columns have fewer rows, so that one is never large.</summary>
    private const int GroupValues = 1 << 20;

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
                if (group.IsFull)
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
        .. table.HasFilled ? [new DataField(ExportTable.FilledColumn, typeof(bool), isNullable: false)] : Array.Empty<Field>(),
    ];

    /// <summary>The columns of one row group.</summary>
    private sealed class Group(ExportTable table)
    {
        private readonly int _rows = Math.Clamp(GroupValues / Math.Max(1, table.Values.Count), 1, GroupRows);
        private readonly double?[][] _values = [.. table.Values.Select(_ => Array.Empty<double?>())];
        private DateTime[] _times = [];
        private string[] _sensorIds = [];
        private long[] _counts = [];
        private bool[] _filled = [];

        public int Count { get; private set; }

        public bool IsFull => Count == _rows;

        public void Add(ExportBatch batch, int row)
        {
            if (Count == _times.Length)
            {
                Grow(Math.Min(_rows, Math.Max(1024, 2 * Count)));
            }

            _times[Count] = batch.Time(row).ToDateTime();
            _sensorIds[Count] = batch.SensorId(row);
            _counts[Count] = table.HasCounts ? batch.ReadingCount(row) : 0;
            _filled[Count] = table.HasFilled && batch.IsFilled(row);
            for (var column = 0; column < _values.Length; column++)
            {
                var value = batch.Value(row, column);
                _values[column][Count] = double.IsNaN(value) ? null : value;
            }

            Count++;
        }

        private void Grow(int rows)
        {
            Array.Resize(ref _times, rows);
            Array.Resize(ref _sensorIds, rows);
            Array.Resize(ref _counts, rows);
            Array.Resize(ref _filled, rows);
            for (var column = 0; column < _values.Length; column++)
            {
                Array.Resize(ref _values[column], rows);
            }
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
                await group.WriteAsync<long>(
                    fields[2 + _values.Length],
                    _counts.AsMemory(0, Count),
                    cancellationToken: cancellationToken);
            }

            if (table.HasFilled)
            {
                await group.WriteAsync<bool>(fields[^1], _filled.AsMemory(0, Count), cancellationToken: cancellationToken);
            }

            group.CompleteValidate();
            Count = 0;
        }
    }
}
