using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// A hypertable of the store's own shape, key and indexes, without the store: filled by <c>psql</c> from a file of binary COPY and by the
/// bare driver. It keeps no last readings and answers no replacements: the ceiling that the store is measured against.
/// </summary>
internal sealed class BareTable(BenchDatabase database, string name)
{
    private const long MicrosTo2000 = 946_684_800_000_000;

    private static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n"u8, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    private static readonly string Columns
        = $"time, sensor_id, {string.Join(", ", DataSet.Schema.Metrics.Select(m => Identifier.Quote(m.Name)))}";

    /// <summary>Creates the table as the store made <c>sensor_data</c>, by what the catalog says of it.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken) => await database.ExecuteAsync(
        $"""
        CREATE TABLE {name} (LIKE sensor_data INCLUDING DEFAULTS);
        SELECT create_hypertable('{name}', by_range('time', (SELECT time_interval FROM timescaledb_information.dimensions
            WHERE hypertable_name = 'sensor_data')), create_default_indexes => false);
        DO $$
        DECLARE definition text;
        BEGIN
            FOR definition IN SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'sensor_data' LOOP
                EXECUTE replace(regexp_replace(definition, 'INDEX \S+ ON', 'INDEX ON'), 'public.sensor_data', 'public.{name}');
            END LOOP;
        END $$
        """,
        cancellationToken);

    /// <summary>Writes the readings as a file of binary COPY.</summary>
    public static async Task WriteFileAsync(string path, IEnumerable<ReadingBatch> batches, CancellationToken cancellationToken)
    {
        await using var file = File.Create(path);
        await file.WriteAsync(Signature, cancellationToken);
        var row = new byte[256];
        foreach (var batch in batches)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                await file.WriteAsync(row.AsMemory(0, Encode(row, batch, i)), cancellationToken);
            }
        }

        await file.WriteAsync(new byte[] { 0xFF, 0xFF }, cancellationToken);
    }

    public Task CopyByPsqlAsync(string path, CancellationToken cancellationToken, string? options = null)
        => database.RunAsync(
            "psql",
            ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", $"\\copy {name} ({Columns}) FROM '{path}' WITH (FORMAT binary)"],
            cancellationToken,
            options);

    public async Task CopyByDriverAsync(IEnumerable<ReadingBatch> batches, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(database.Connection);
        await connection.OpenAsync(cancellationToken);
        using var writer = connection.BeginBinaryImport($"COPY {name} ({Columns}) FROM STDIN (FORMAT BINARY)");
        foreach (var batch in batches)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                writer.StartRow();
                writer.Write(new Instant(batch.TimesMicros[i]).ToDateTime(), NpgsqlDbType.TimestampTz);
                writer.Write(batch.SensorIds[i], NpgsqlDbType.Varchar);
                for (var m = 0; m < batch.MetricCount; m++)
                {
                    writer.Write(batch.Metric(m)[i], NpgsqlDbType.Double);
                }
            }
        }

        writer.Complete();
    }

    public Task DropAsync(CancellationToken cancellationToken) => database.ExecuteAsync($"DROP TABLE {name}", cancellationToken);

    /// <summary>Times a call, adding to what it took before.</summary>
    public static async Task TimeAsync(Stopwatch watch, Func<Task> call)
    {
        watch.Start();
        await call();
        watch.Stop();
    }

    private static int Encode(Span<byte> row, ReadingBatch batch, int i)
    {
        var id = batch.SensorIds[i];
        BinaryPrimitives.WriteInt16BigEndian(row, (short)(2 + batch.MetricCount));
        BinaryPrimitives.WriteInt32BigEndian(row[2..], 8);
        BinaryPrimitives.WriteInt64BigEndian(row[6..], batch.TimesMicros[i] - MicrosTo2000);
        var length = Encoding.UTF8.GetBytes(id, row[18..]);
        BinaryPrimitives.WriteInt32BigEndian(row[14..], length);
        var at = 18 + length;
        for (var m = 0; m < batch.MetricCount; m++)
        {
            BinaryPrimitives.WriteInt32BigEndian(row[at..], 8);
            BinaryPrimitives.WriteDoubleBigEndian(row[(at + 4)..], batch.Metric(m)[i]);
            at += 12;
        }

        return at;
    }
}
