using DuckDB.NET.Data;

namespace Tidemark.Benchmarks;

/// <param name="Aggregate">The aggregate that is read, null for raw readings.</param>
/// <param name="Range">By bucket start or reading time.</param>
internal sealed record DriverQuery(string? Aggregate, TimeRange Range);

/// <summary>
/// The driver alone, on the closed store's file: one connection, one prepared statement, every column of every row read. What the store
/// adds to it is the contract: a snapshot, the live tail, whether a refresh is pending.
/// </summary>
internal sealed class DriverLayer : IDisposable
{
    private readonly DuckDBConnection _connection;
    private readonly Dictionary<string, int> _keys = [];

    public DriverLayer(string storeFolder)
    {
        _connection = new DuckDBConnection($"Data Source={Path.Combine(storeFolder, DuckDb.DuckDbStore.FileName)};ACCESS_MODE=READ_ONLY");
        _connection.Open();
        foreach (var row in Rows("SELECT sensor, sensor_id FROM internal.sensors"))
        {
            _keys.Add(row.GetString(1), row.GetInt32(0));
        }
    }

    public async Task<Samples> MeasureAsync(
        DriverQuery query,
        int warmUp,
        int count,
        Func<string> sensor,
        CancellationToken cancellationToken)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = query.Aggregate is null ? Raw(query.Range) : Aggregate(query.Aggregate, query.Range);
        var key = new DuckDBParameter(0);
        command.Parameters.Add(key);
        command.Prepare();
        return await Samples.MeasureAsync(
            warmUp,
            count,
            _ =>
            {
                key.Value = _keys[sensor()];
                return Task.FromResult(Read(command));
            },
            cancellationToken);
    }

    public void Dispose() => _connection.Dispose();

    private static double Read(DuckDBCommand command)
    {
        var sum = 0.0;
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            sum += rows.GetInt64(0);
            for (var column = 1; column < rows.FieldCount; column++)
            {
                sum += rows.GetDouble(column);
            }
        }

        return sum;
    }

    private static string Aggregate(string name, TimeRange range)
    {
        var columns = DataSet.Schema.Metrics.Select(m => $"sum_{m.Name} / count_{m.Name}, min_{m.Name}, max_{m.Name}")
            .Append("reading_count::DOUBLE");
        return $"""
            SELECT epoch_us(bucket), {string.Join(", ", columns)} FROM internal.agg_{name}
            WHERE sensor = $1 AND bucket >= make_timestamp({range.From.Micros}) AND bucket < make_timestamp({range.To.Micros})
                ORDER BY bucket
            """;
    }

    /// <summary>The data set's readings lie on whole minutes, the first of the two columns of a time.</summary>
    private string Raw(TimeRange range)
    {
        var columns = string.Join(", ", DataSet.Schema.Metrics.Select(m => m.Name));
        var (from, to) = (Math.Ceiling(range.From.Micros / 60e6), Math.Ceiling(range.To.Micros / 60e6));
        var chunks = Rows($"SELECT chunk FROM internal.chunks WHERE range_start < {range.To.Micros} AND range_end > {range.From.Micros}")
            .Select(row => $"SELECT minute::BIGINT * 60000000 + micros AS time, {columns} FROM internal.chunk_{row.GetInt32(0)} WHERE "
                + $"sensor = $1 AND minute >= {from:F0} AND minute < {to:F0}")
            .ToList();
        return $"{string.Join(" UNION ALL ", chunks)} ORDER BY 1";
    }

    private IEnumerable<DuckDBDataReader> Rows(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        using var rows = command.ExecuteReader();
        while (rows.Read())
        {
            yield return rows;
        }
    }
}
