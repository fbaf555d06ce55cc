using System.Text;
using Sylvan.Data.Csv;

namespace Tidemark.Cli.Export;

/// <summary>CSV in UTF-8 with a header, times RFC 3339 in UTC, numbers that read back as the same, empty fields for nulls.</summary>
internal static class CsvExport
{
    public static async Task WriteAsync(ExportTable table, Stream stream, CancellationToken cancellationToken)
    {
        await using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 1 << 16, leaveOpen: true);
        await using var csv = CsvDataWriter.Create(text, new CsvDataWriterOptions { BufferSize = 1 << 16 });
        await using var rows = new Rows(table, cancellationToken);
        await csv.WriteAsync(rows, cancellationToken);
    }

    private sealed class Rows(ExportTable table, CancellationToken cancellationToken) : TableReader(Columns(table))
    {
        private readonly IAsyncEnumerator<ExportBatch> _batches = table.Batches.GetAsyncEnumerator(cancellationToken);
        private ExportBatch? _batch;
        private int _row;

        public override async Task<bool> ReadAsync(CancellationToken cancellationToken)
        {
            while (_batch is null || ++_row == _batch.Count)
            {
                if (!await _batches.MoveNextAsync())
                {
                    return false;
                }

                (_batch, _row) = (_batches.Current, -1);
            }

            return true;
        }

        public override bool Read() => throw new NotSupportedException("the rows arrive asynchronously");

        public override bool IsDBNull(int ordinal)
            => ordinal > 1 && ordinal < 2 + table.Values.Count && double.IsNaN(_batch!.Value(_row, ordinal - 2));

        public override string GetString(int ordinal) => ordinal == 0 ? _batch!.Time(_row).ToString() : _batch!.SensorId(_row);

        public override double GetDouble(int ordinal) => _batch!.Value(_row, ordinal - 2);

        public override long GetInt64(int ordinal) => _batch!.ReadingCount(_row);

        public override async ValueTask DisposeAsync()
        {
            await _batches.DisposeAsync();
            await base.DisposeAsync();
        }

        private static List<(string, Type)> Columns(ExportTable table) =>
        [
            (table.TimeColumn, typeof(string)),
            (ExportTable.SensorColumn, typeof(string)),
            .. table.Values.Select(name => (name, typeof(double))),
            .. table.HasCounts ? [(ExportTable.CountColumn, typeof(long))] : Array.Empty<(string, Type)>(),
        ];
    }
}
