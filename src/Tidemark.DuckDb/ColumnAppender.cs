using DuckDB.NET.Native;

namespace Tidemark.DuckDb;

/// <summary>
/// Appends columnar batches to a table by DuckDB's data chunks: values are copied vector by vector, without an object or a call per value.
/// Rows become visible with the transaction they were appended in; the caller rolls back when this throws.
/// </summary>
internal sealed unsafe class ColumnAppender : IDisposable
{
    private const int VectorSize = 2048;
    private const int FirstMetric = 3;

    private readonly DuckDBAppender _appender;
    private readonly DuckDBDataChunk _chunk;
    private readonly DuckDBLogicalType[] _types;
    private readonly bool _hasMap;
    private int _rows;

    /// <param name="session">In a transaction.</param>
    /// <param name="catalog"><c>store</c> or <c>temp</c>.</param>
    /// <param name="schema">The table's schema.</param>
    /// <param name="table">A raw table: sensor, minute, micros, one double per metric with columns, the map if it has one.</param>
    /// <param name="metrics">How many have columns.</param>
    /// <param name="hasMap">Whether there is a map.</param>
    /// <exception cref="StoreException">The table isn't there or has other columns.</exception>
    public ColumnAppender(Session session, string catalog, string schema, string table, int metrics, bool hasMap)
    {
        var connection = session.Connection.NativeConnection;
        if (NativeMethods.Appender.DuckDBAppenderCreateExt(connection, catalog, schema, table, out _appender) != DuckDBState.Success)
        {
            throw new StoreException(StoreErrorKind.Unavailable, $"no rows can be appended to {schema}.{table}");
        }

        var columns = NativeMethods.Appender.DuckDBAppenderColumnCount(_appender);
        if (columns != (ulong)(FirstMetric + metrics + (hasMap ? 1 : 0)))
        {
            _appender.Dispose();
            throw new StoreException(StoreErrorKind.Unavailable, $"{schema}.{table} has {columns} columns, not those of its metrics");
        }

        _hasMap = hasMap;
        _types = [.. Enumerable.Range(0, (int)columns).Select(c => NativeMethods.Appender.DuckDBAppenderColumnType(_appender, (ulong)c))];
        _chunk = NativeMethods.DataChunks.DuckDBCreateDataChunk([.. _types.Select(t => t.DangerousGetHandle())], columns);
    }

    /// <summary>
    /// Appends the batch's rows that <paramref name="order"/> names, in its order; <paramref name="sensors"/> has the key of each row of
    /// the batch.
    /// </summary>
    public void Append(ReadingBatch batch, BatchMetrics metrics, ReadOnlySpan<int> sensors, ReadOnlySpan<int> order)
    {
        for (var start = 0; start < order.Length; start += VectorSize)
        {
            var rows = order.Slice(start, Math.Min(VectorSize, order.Length - start));
            NativeMethods.DataChunks.DuckDBDataChunkReset(_chunk);
            var keys = (int*)Data(0);
            var minutes = (int*)Data(1);
            var micros = (int*)Data(2);
            for (var i = 0; i < rows.Length; i++)
            {
                keys[i] = sensors[rows[i]];
                var time = batch.TimesMicros[rows[i]];
                minutes[i] = DuckDbSql.Minute(new Instant(time));
                micros[i] = (int)(time - (minutes[i] * DuckDbSql.MicrosPerMinute));
            }

            for (var c = 0; c < metrics.Columns.Length; c++)
            {
                Copy(metrics.Columns[c] < 0 ? [] : batch.Metric(metrics.Columns[c]), rows, FirstMetric + c);
            }

            if (_hasMap)
            {
                CopyMap(batch, metrics, rows, _types.Length - 1);
            }

            NativeMethods.DataChunks.DuckDBDataChunkSetSize(_chunk, (ulong)rows.Length);
            Check(NativeMethods.Appender.DuckDBAppendDataChunk(_appender, _chunk));
            _rows += rows.Length;
        }
    }

    /// <summary>Appends the result of a query on another session, chunk by chunk as it comes; its columns are the table's.</summary>
    public void AppendFrom(Session source, string sql)
    {
        Check(NativeMethods.PreparedStatements.DuckDBPrepare(source.Connection.NativeConnection, sql, out var statement));
        using (statement)
        {
            Check(NativeMethods.PreparedStatements.DuckDBExecutePreparedStreaming(statement, out var result));
            try
            {
                while (true)
                {
                    using var chunk = NativeMethods.StreamingResult.DuckDBStreamFetchChunk(result);
                    if (chunk.IsInvalid || NativeMethods.DataChunks.DuckDBDataChunkGetSize(chunk) == 0)
                    {
                        break;
                    }

                    Check(NativeMethods.Appender.DuckDBAppendDataChunk(_appender, chunk));
                }

                if (NativeMethods.Query.DuckDBResultError(ref result) is { Length: > 0 } error)
                {
                    throw new StoreException(StoreErrorKind.Unavailable, error);
                }
            }
            finally
            {
                NativeMethods.Query.DuckDBDestroyResult(ref result);
            }
        }
    }

    /// <summary>Hands everything to the transaction.</summary>
    public void Complete() => Check(NativeMethods.Appender.DuckDBAppenderClose(_appender));

    public void Dispose()
    {
        _chunk.Dispose();
        foreach (var type in _types)
        {
            type.Dispose();
        }

        _appender.Dispose();
    }

    /// <param name="source">Empty for nulls alone.</param>
    /// <param name="rows">Of the source.</param>
    /// <param name="column">Of the table.</param>
    private void Copy(ReadOnlySpan<double> source, ReadOnlySpan<int> rows, int column)
    {
        var target = (double*)Data(column);
        var anyNull = false;
        for (var i = 0; i < rows.Length; i++)
        {
            var value = source.IsEmpty ? double.NaN : source[rows[i]];
            target[i] = value;
            anyNull |= double.IsNaN(value);
        }

        if (!anyNull)
        {
            return;
        }

        var validity = Validity(column);
        for (var i = 0; i < rows.Length; i++)
        {
            NativeMethods.ValidityMask.DuckDBValiditySetRowValidity(validity, (ulong)i, !double.IsNaN(target[i]));
        }
    }

    /// <summary>A map is a list of pairs: each row says where in the vectors of keys and values its own are.</summary>
    private void CopyMap(ReadingBatch batch, BatchMetrics metrics, ReadOnlySpan<int> rows, int column)
    {
        var vector = NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column);
        Check(NativeMethods.Vectors.DuckDBListVectorReserve(vector, (ulong)(rows.Length * metrics.InMap.Length)));
        var pairs = NativeMethods.Vectors.DuckDBListVectorGetChild(vector);
        var keys = (short*)NativeMethods.Vectors.DuckDBVectorGetData(NativeMethods.Vectors.DuckDBStructVectorGetChild(pairs, 0));
        var values = (double*)NativeMethods.Vectors.DuckDBVectorGetData(NativeMethods.Vectors.DuckDBStructVectorGetChild(pairs, 1));
        var entries = (ListEntry*)NativeMethods.Vectors.DuckDBVectorGetData(vector);
        var validity = Validity(column);
        var next = 0UL;
        for (var i = 0; i < rows.Length; i++)
        {
            entries[i].Offset = next;
            foreach (var metric in metrics.InMap)
            {
                var value = batch.Metric(metric)[rows[i]];
                if (!double.IsNaN(value))
                {
                    (keys[next], values[next]) = (metrics.Ids[metric], value);
                    next++;
                }
            }

            entries[i].Length = next - entries[i].Offset;
            NativeMethods.ValidityMask.DuckDBValiditySetRowValidity(validity, (ulong)i, entries[i].Length > 0);
        }

        Check(NativeMethods.Vectors.DuckDBListVectorSetSize(vector, next));
    }

    private void* Data(int column)
        => NativeMethods.Vectors.DuckDBVectorGetData(NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column));

    private ulong* Validity(int column)
    {
        var vector = NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column);
        NativeMethods.Vectors.DuckDBVectorEnsureValidityWritable(vector);
        return NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
    }

    private void Check(DuckDBState state)
    {
        if (state != DuckDBState.Success)
        {
            throw new StoreException(StoreErrorKind.Unavailable, $"row {_rows} of a batch could not be appended");
        }
    }

    /// <summary>Of a row of a list vector; the layout is DuckDB's <c>duckdb_list_entry</c>.</summary>
    private struct ListEntry
    {
        public ulong Offset;
        public ulong Length;
    }
}
