using System.Data.Common;
using System.Globalization;
using DuckDB.NET.Data;

namespace Tidemark.Cli.Import;

/// <summary>
/// Rows of a Parquet file, read by DuckDB. Each value is a text that says exactly what it is; a timestamp has a zone when the file says
/// that it is in UTC. Fields of structures are columns whose names have points.
/// </summary>
internal sealed class ParquetRows : TableRows
{
    private const string Utc = "TIMESTAMP WITH TIME ZONE";

    private readonly DuckDBConnection _connection;
    private readonly DuckDBCommand _command;
    private readonly DbDataReader _rows;
    private readonly List<string> _header = [];
    private readonly List<string> _types = [];
    private readonly char[][] _fields;
    private readonly int[] _lengths;
    private long _line;

    /// <param name="path">Of the file.</param>
    /// <param name="name">As the caller names it.</param>
    /// <exception cref="CommandFailedException">It is no Parquet file, or broken.</exception>
    public ParquetRows(string path, string name)
    {
        _connection = new DuckDBConnection("Data Source=:memory:");
        _command = _connection.CreateCommand();
        try
        {
            _connection.Open();
            Execute("SET memory_limit = '1GB'");
            Execute("SET threads = 2");
            var file = $"read_parquet('{path.Replace("'", "''", StringComparison.Ordinal)}')";
            var columns = new List<string>();
            foreach (var (column, type) in Describe(file))
            {
                Flatten(column, Quote(column), type, columns);
            }

            _command.CommandText = $"SELECT {string.Join(", ", columns)} FROM {file}";
            _command.UseStreamingMode = true;
            _rows = _command.ExecuteReader();
        }
        catch (DbException e)
        {
            _command.Dispose();
            _connection.Dispose();
            throw new CommandFailedException($"{name} can't be read as Parquet: {e.Message}");
        }

        _fields = [.. _header.Select(_ => new char[64])];
        _lengths = new int[_header.Count];
    }

    public override IReadOnlyList<string> Header => _header;

    /// <summary>The types of the columns, as DuckDB calls them.</summary>
    public IReadOnlyList<string> Types => _types;

    public override long Line => _line;

    public override ReadOnlySpan<char> Text
        => string.Join(", ", _header.Select((name, column) => $"{name}={Field(column)}"));

    public override string? Fault => null;

    public override bool Next()
    {
        try
        {
            if (!_rows.Read())
            {
                return false;
            }
        }
        catch (DbException e)
        {
            throw new CommandFailedException($"the Parquet file is broken behind row {_line}: {e.Message}");
        }

        _line++;
        for (var column = 0; column < _fields.Length; column++)
        {
            Read(column);
        }

        return true;
    }

    public override ReadOnlySpan<char> Field(int column) => _fields[column].AsSpan(0, _lengths[column]);

    public override void Dispose()
    {
        _rows.Dispose();
        _command.Dispose();
        _connection.Dispose();
    }

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private void Execute(string sql)
    {
        _command.CommandText = sql;
        _command.ExecuteNonQuery();
    }

    private List<(string Name, string Type)> Describe(string query)
    {
        _command.CommandText = $"DESCRIBE SELECT * FROM {query}";
        using var rows = _command.ExecuteReader();
        var columns = new List<(string, string)>();
        while (rows.Read())
        {
            columns.Add((rows.GetString(0), rows.GetString(1)));
        }

        return columns;
    }

    /// <summary>Adds what a column gives as SQL of a type that is read exactly; lists and the like give nothing.</summary>
    private void Flatten(string name, string sql, string type, List<string> columns)
    {
        if (type.StartsWith("STRUCT(", StringComparison.Ordinal) && !type.EndsWith(']'))
        {
            var from = $"(SELECT unnest(s) FROM (SELECT NULL::{type} AS s))";
            foreach (var (field, fieldType) in Describe(from))
            {
                var part = $"struct_extract({sql}, '{field.Replace("'", "''", StringComparison.Ordinal)}')";
                Flatten($"{name}.{field}", part, fieldType, columns);
            }

            return;
        }

        _header.Add(name);
        _types.Add(type);
        columns.Add(type switch
        {
            "DOUBLE" or "FLOAT" => $"{sql}::DOUBLE",
            "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" => $"{sql}::BIGINT",
            "BOOLEAN" => $"{sql}::BIGINT",
            "TIMESTAMP" or "TIMESTAMP_S" or "TIMESTAMP_MS" or Utc => $"epoch_us({sql})",
            // Nanoseconds are cut towards the past.
            "TIMESTAMP_NS" => $"epoch_ns({sql}) // 1000 - (epoch_ns({sql}) % 1000 < 0)::BIGINT",
            _ => $"{sql}::VARCHAR",
        });
    }

    private void Read(int column)
    {
        var length = 0;
        if (!_rows.IsDBNull(column))
        {
            var written = true;
            switch (_types[column])
            {
                case "DOUBLE" or "FLOAT":
                    written = _rows.GetDouble(column).TryFormat(_fields[column], out length, default, CultureInfo.InvariantCulture);
                    break;
                case "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" or "BOOLEAN":
                    written = _rows.GetInt64(column).TryFormat(_fields[column], out length, default, CultureInfo.InvariantCulture);
                    break;
                case "TIMESTAMP" or "TIMESTAMP_S" or "TIMESTAMP_MS" or "TIMESTAMP_NS" or Utc:
                    var time = DateTime.UnixEpoch.AddTicks(_rows.GetInt64(column) * TimeSpan.TicksPerMicrosecond);
                    var form = _types[column] == Utc ? "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'" : "yyyy-MM-dd'T'HH:mm:ss.ffffff";
                    written = time.TryFormat(_fields[column], out length, form, CultureInfo.InvariantCulture);
                    break;
                default:
                    var text = _rows.GetString(column);
                    _fields[column] = text.Length > _fields[column].Length ? new char[2 * text.Length] : _fields[column];
                    text.CopyTo(_fields[column]);
                    length = text.Length;
                    break;
            }

            if (!written)
            {
                throw new InvalidOperationException($"a value of {_header[column]} is too long");
            }
        }

        _lengths[column] = length;
    }
}
