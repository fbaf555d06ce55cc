using DuckDB.NET.Native;

namespace Tidemark.DuckDb;

/// <summary>
/// Appends columnar batches to a table by DuckDB's data chunks: values are copied vector by vector, without an object or a call per value.
/// Rows become visible with the transaction they were appended in; the caller rolls back when this throws.
/// </summary>
internal sealed unsafe class ColumnAppender : IDisposable
{
    private const int VectorSize = 2048;

    private readonly DuckDBAppender _appender;
    private readonly DuckDBDataChunk _chunk;
    private readonly DuckDBLogicalType[] _types;
    private readonly int[] _metrics;
    private int _rows;

    /// <param name="session">In a transaction.</param>
    /// <param name="catalog"><c>store</c> or <c>temp</c>.</param>
    /// <param name="schema">The table's schema.</param>
    /// <param name="table">A raw table: sensor, minute, micros, then one double per metric.</param>
    /// <param name="metrics">The batch's metric behind each of the doubles.</param>
    public ColumnAppender(Session session, string catalog, string schema, string table, int[] metrics)
    {
        _metrics = metrics;
        var connection = session.Connection.NativeConnection;
        if (NativeMethods.Appender.DuckDBAppenderCreateExt(connection, catalog, schema, table, out _appender) != DuckDBState.Success)
        {
            throw new StoreException(StoreErrorKind.Unavailable, $"no rows can be appended to {schema}.{table}");
        }

        _types =
        [
            .. Enumerable.Range(0, 3).Select(_ => NativeMethods.LogicalType.DuckDBCreateLogicalType(DuckDBType.Integer)),
            .. metrics.Select(_ => NativeMethods.LogicalType.DuckDBCreateLogicalType(DuckDBType.Double)),
        ];
        _chunk = NativeMethods.DataChunks.DuckDBCreateDataChunk([.. _types.Select(t => t.DangerousGetHandle())], (ulong)_types.Length);
    }

    /// <summary>
    /// Appends the batch's rows that <paramref name="order"/> names, in its order; <paramref name="sensors"/> has the key of each row of
    /// the batch.
    /// </summary>
    public void Append(ReadingBatch batch, ReadOnlySpan<int> sensors, ReadOnlySpan<int> order)
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

            for (var m = 0; m < _metrics.Length; m++)
            {
                Copy(batch.Metric(_metrics[m]), rows, 3 + m);
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

    private void Copy(ReadOnlySpan<double> source, ReadOnlySpan<int> rows, int column)
    {
        var target = (double*)Data(column);
        var anyNull = false;
        for (var i = 0; i < rows.Length; i++)
        {
            var value = source[rows[i]];
            target[i] = value;
            anyNull |= double.IsNaN(value);
        }

        if (!anyNull)
        {
            return;
        }

        var vector = NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column);
        NativeMethods.Vectors.DuckDBVectorEnsureValidityWritable(vector);
        var validity = NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
        for (var i = 0; i < rows.Length; i++)
        {
            NativeMethods.ValidityMask.DuckDBValiditySetRowValidity(validity, (ulong)i, !double.IsNaN(target[i]));
        }
    }

    private void* Data(int column)
        => NativeMethods.Vectors.DuckDBVectorGetData(NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column));

    private void Check(DuckDBState state)
    {
        if (state != DuckDBState.Success)
        {
            throw new StoreException(StoreErrorKind.Unavailable, $"row {_rows} of a batch could not be appended");
        }
    }
}
