using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace Tidemark.DuckDb;

/// <summary>One connection and its prepared statements. Used by one thread at a time.</summary>
internal sealed class Session(DuckDBConnection connection) : IDisposable
{
    // Chunks come and go, so statements over old ones are let go in bulk.
    private const int MaxPrepared = 128;

    private const int RowGroupRows = 20_480;

    private readonly Dictionary<string, DuckDBCommand> _prepared = [];

    public DuckDBConnection Connection { get; } = connection;

    /// <summary>
    /// Attaches a database file, created when it isn't there, to an instance in memory: the driver would share an
    /// instance opened by path with every other spelling of that path, and a row group's size can be set only here.
    /// </summary>
    /// <remarks>
    /// A block of 256 KiB holds segments of several row groups; with DuckDB's own row groups of 122,880 rows a segment fills two
    /// thirds of a block and leaves the rest empty. Small ones also tell more precisely where a sensor's rows are.
    /// </remarks>
    public static Session Attach(string file)
    {
        var session = new Session(new DuckDBConnection("Data Source=:memory:"));
        try
        {
            session.Connection.Open();
            session.Execute($"SET temp_directory = '{Quote(Path.Combine(Path.GetDirectoryName(file)!, "tmp"))}'");
            session.Execute("SET wal_autocheckpoint = '1TB'");
            session.Execute("SET memory_limit = '2GB'");
            session.Execute($"ATTACH '{Quote(file)}' AS store (ROW_GROUP_SIZE {RowGroupRows})");
            session.Execute("USE store");
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Another connection to the same database.</summary>
    public Session Duplicate()
    {
        lock (_prepared)
        {
            var session = new Session(Connection.Duplicate());
            session.Connection.Open();
            session.Execute("USE store");
            return session;
        }
    }

    /// <returns>The rows inserted, changed or deleted.</returns>
    public int Execute(string sql, params ReadOnlySpan<object> parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteNonQuery();
    }

    /// <returns>The first value of the first row, null for NULL or no row.</returns>
    public object? Scalar(string sql, params ReadOnlySpan<object> parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteScalar() is { } value and not DBNull ? value : null;
    }

    /// <summary>Runs a statement that is used once; for many rows, streamed instead of materialised.</summary>
    public DuckDBDataReader Query(string sql, bool streaming, params ReadOnlySpan<object> parameters)
    {
        var command = Command(sql, parameters);
        command.UseStreamingMode = streaming;
        return command.ExecuteReader();
    }

    /// <summary>Runs a statement that is used again and again with other values.</summary>
    public DuckDBDataReader QueryPrepared(string sql, params ReadOnlySpan<object> parameters)
        => Prepared(sql, streaming: false, parameters).ExecuteReader();

    /// <summary>The same for rows that may be many: they aren't materialised.</summary>
    public DuckDBDataReader StreamPrepared(string sql, params ReadOnlySpan<object> parameters)
        => Prepared(sql, streaming: true, parameters).ExecuteReader();

    /// <summary>Runs a statement without rows that is used again and again with other values.</summary>
    public void ExecutePrepared(string sql, params ReadOnlySpan<object> parameters)
        => Prepared(sql, streaming: false, parameters).ExecuteNonQuery();

    /// <summary>Ends what runs here now, from any thread; it throws there.</summary>
    public void Interrupt() => NativeMethods.Startup.DuckDBInterrupt(Connection.NativeConnection);

    public void Dispose()
    {
        ForgetPrepared();
        Connection.Dispose();
    }

    private static string Quote(string path) => path.Replace("'", "''", StringComparison.Ordinal);

    private void ForgetPrepared()
    {
        foreach (var command in _prepared.Values)
        {
            command.Dispose();
        }

        _prepared.Clear();
    }

    private DuckDBCommand Prepared(string sql, bool streaming, ReadOnlySpan<object> parameters)
    {
        if (!_prepared.TryGetValue(sql, out var command))
        {
            if (_prepared.Count >= MaxPrepared)
            {
                ForgetPrepared();
            }

            command = Command(sql, parameters);
            command.Prepare();
            _prepared.Add(sql, command);
        }

        for (var i = 0; i < parameters.Length; i++)
        {
            command.Parameters[i].Value = parameters[i];
        }

        command.UseStreamingMode = streaming;
        return command;
    }

    private DuckDBCommand Command(string sql, ReadOnlySpan<object> parameters)
    {
        var command = Connection.CreateCommand();
        command.CommandText = sql;
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new DuckDBParameter(parameter));
        }

        return command;
    }
}
