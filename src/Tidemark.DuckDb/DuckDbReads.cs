using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>A read that is open between batches: it holds a session, and through a transaction one snapshot, but no thread.</summary>
    private abstract class OpenRead(DuckDbStore store, CancellationToken cancellationToken) : IDisposable
    {
        private Session? _session;
        private bool _inTransaction;
        private int _disposed;

        protected DuckDbStore Store => store;

        protected CancellationToken Cancellation => cancellationToken;

        protected Session Session => _session ??= store.RentSession();

        protected DuckDBDataReader? Rows { get; set; }

        public virtual void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
            {
                return;
            }

            Rows?.Dispose();
            if (_session is not null)
            {
                EndTransaction();
                store.ReturnSession(_session);
            }
        }

        protected void BeginTransaction()
        {
            Session.Execute("BEGIN TRANSACTION READ ONLY");
            _inTransaction = true;
        }

        protected void EndTransaction()
        {
            if (_inTransaction)
            {
                _inTransaction = false;
                Session.Execute("ROLLBACK");
            }
        }

        protected T Guard<T>(Func<T> read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return read();
            }
            catch (DuckDBException e)
            {
                throw DuckDbErrors.Translate(e, store._folder, cancellationToken);
            }
        }
    }

    /// <summary>Raw readings chunk after chunk, all of one snapshot.</summary>
    private sealed class RawRead(DuckDbStore store, string? sensorId, int? key, TimeRange range, CancellationToken cancellationToken) : OpenRead(store, cancellationToken)
    {
        private Queue<Chunk>? _chunks;

        /// <returns>The next batch, null at the end.</returns>
        public ReadingBatch? Next() => Guard(() =>
        {
            _chunks ??= Store.ReadConsistently(Open, _ => Close());
            var batch = new ReadingBatch(Store.Schema.Metrics.Count, sensorId is null ? BatchRows : 256);
            while (batch.Count == 0 && (Rows is not null || _chunks.Count > 0))
            {
                Rows ??= Query(_chunks.Dequeue());
                if (!Fill(batch, Rows))
                {
                    Rows.Dispose();
                    Rows = null;
                }
            }

            return batch.Count > 0 ? batch : null;
        });

        /// <summary>Asks the first chunk, which takes the snapshot.</summary>
        private Queue<Chunk> Open(StoreState state)
        {
            Close();
            var chunks = new Queue<Chunk>(state.ChunksIn(range));
            if (chunks.Count > 1)
            {
                BeginTransaction();
            }

            Rows = chunks.Count > 0 ? Query(chunks.Dequeue()) : null;
            return chunks;
        }

        private void Close()
        {
            Rows?.Dispose();
            Rows = null;
            EndTransaction();
        }

        private DuckDBDataReader Query(Chunk chunk) => key is { } sensor
            ? Session.QueryPrepared(Store._sql.RawOfSensor(chunk), Cancellation, sensor, DuckDbSql.Minute(range.From), DuckDbSql.Minute(range.To), range.From.Micros, range.To.Micros)
            : Session.Query(Store._sql.RawOfAll(chunk, range), streaming: true);

        private bool Fill(ReadingBatch batch, DuckDBDataReader rows)
        {
            var metrics = batch.MetricCount;
            Span<double> values = stackalloc double[metrics];
            var first = key is null ? 2 : 1;
            while (batch.Count < BatchRows)
            {
                if (!rows.Read())
                {
                    return false;
                }

                for (var m = 0; m < metrics; m++)
                {
                    values[m] = rows.DoubleOrNaN(first + m);
                }

                batch.Add(sensorId ?? Store._sensors.Id(rows.GetInt32(1)), new Instant(rows.GetInt64(0)), values);
            }

            return true;
        }
    }

    /// <summary>Rows of an aggregate with what is known of them, all of one snapshot.</summary>
    private sealed class AggregateRead(DuckDbStore store, AggregateDefinition aggregate, AggregateQuery query, int? key, CancellationToken cancellationToken)
        : OpenRead(store, cancellationToken)
    {
        public Instant? Watermark { get; private set; }

        public bool Pending { get; private set; }

        public bool Open() => Guard(() => Store.ReadConsistently(Open, _ => Close()));

        /// <returns>The next batch, null at the end.</returns>
        public AggregateBatch? Next() => Guard(() =>
        {
            if (Rows is null)
            {
                return null;
            }

            var columns = aggregate.Columns.Count;
            var batch = new AggregateBatch(columns, 256);
            while (batch.Count < BatchRows)
            {
                if (!Rows.Read())
                {
                    Rows.Dispose();
                    Rows = null;
                    break;
                }

                var row = batch.Add(new Instant(Rows.GetInt64(0)), query.SensorId ?? Store._sensors.Id(Rows.GetInt32(1)), Rows.GetInt64(2));
                for (var column = 0; column < columns; column++)
                {
                    batch.Set(row, column, Rows.DoubleOrNaN(3 + column));
                }
            }

            return batch.Count > 0 ? batch : null;
        });

        private bool Open(StoreState state)
        {
            Close();
            Watermark = state.Aggregate(aggregate).Watermark;
            var mayBePending = !query.FromRaw && state.Aggregates.Any(a => a.HasInvalidations);
            if (mayBePending)
            {
                BeginTransaction();
                Pending = IsPending(Session, state, aggregate, query.Range, key);
            }

            var realTime = Store._options.RealTime && !IsIdle(state);
            var sql = Store._sql.Select(state, aggregate, query.Range, key is not null, query.FromRaw, realTime);
            Rows = key is { } sensor
                ? Session.QueryPrepared($"{sql} ORDER BY 1", Cancellation, sensor)
                : Session.Query(sql, streaming: true);
            return true;
        }

        /// <summary>Whether the sensor has no reading that isn't materialised: then there is no tail to compute.</summary>
        private bool IsIdle(StoreState state)
            => key is { } sensor && Store._sensors.Latest(sensor)!.TimeMicros < state.Aggregate(aggregate).Watermark?.Micros;

        private void Close()
        {
            Rows?.Dispose();
            Rows = null;
            EndTransaction();
        }
    }
}
