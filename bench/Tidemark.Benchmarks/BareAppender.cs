using DuckDB.NET.Data;

namespace Tidemark.Benchmarks;

/// <summary>
/// The driver alone: one table with integer sensor keys, filled through the driver's appender, one commit a batch. It keeps no
/// identity, no dictionary of sensors and no last readings: the ceiling that the store is measured against.
/// </summary>
internal sealed class BareAppender : IDisposable
{
    private readonly DuckDBConnection _connection;

    public BareAppender(string file)
    {
        _connection = new DuckDBConnection($"Data Source={file}");
        _connection.Open();
        var metrics = string.Join(", ", DataSet.Schema.Metrics.Select(m => $"{Identifier.Quote(m.Name)} DOUBLE"));
        Execute($"CREATE TABLE readings (sensor INTEGER NOT NULL, time TIMESTAMP NOT NULL, {metrics})");
    }

    public void Write(ReadingBatch batch, int[] keys)
    {
        Execute("BEGIN TRANSACTION");
        using (var appender = _connection.CreateAppender("readings"))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                var cells = appender.CreateRow().AppendValue(keys[row]).AppendValue(new Instant(batch.TimesMicros[row]).ToDateTime());
                for (var m = 0; m < batch.MetricCount; m++)
                {
                    cells.AppendValue(batch.Metric(m)[row]);
                }

                cells.EndRow();
            }
        }

        Execute("COMMIT");
    }

    public void Dispose() => _connection.Dispose();

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
