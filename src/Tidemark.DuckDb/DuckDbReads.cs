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
            using var interrupt = cancellationToken.Register(Session.Interrupt);
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

    /// <summary>Raw readings, a few chunks at a time, all of one snapshot.</summary>
    private sealed class RawRead(DuckDbStore store, string? sensorId, int? key, TimeRange range, CancellationToken cancellationToken) : OpenRead(store, cancellationToken)
    {
        // One statement reads so many chunks of one sensor: a day or a week needs no transaction.
        private const int ChunksAtOnce = 8;

        private Queue<Chunk[]>? _parts;

        /// <returns>The next batch, null at the end.</returns>
        public ReadingBatch? Next() => Guard(() =>
        {
            _parts ??= Store.ReadConsistently(Open, _ => Close());
            while (Rows is not null || _parts.Count > 0)
            {
                Rows ??= Query(_parts.Dequeue());
                var batch = key is null ? FillOfAll(Rows) : FillOfSensor(Rows);
                if (key is not null || batch.Count < BatchRows)
                {
                    Rows.Dispose();
                    Rows = null;
                }

                if (batch.Count > 0)
                {
                    return batch;
                }
            }

            return null;
        });

        /// <summary>Asks for the first part, which takes the snapshot.</summary>
        private Queue<Chunk[]> Open(StoreState state)
        {
            Close();
            var parts = new Queue<Chunk[]>(state.ChunksIn(range).Chunk(key is null ? 1 : ChunksAtOnce));
            if (parts.Count > 1)
            {
                BeginTransaction();
            }

            Rows = parts.Count > 0 ? Query(parts.Dequeue()) : null;
            return parts;
        }

        private void Close()
        {
            Rows?.Dispose();
            Rows = null;
            EndTransaction();
        }

        private DuckDBDataReader Query(Chunk[] chunks) => key is { } sensor
            ? Session.QueryPrepared(Store._sql.RawOfSensor(chunks), sensor, DuckDbSql.Minute(range.From), DuckDbSql.Minute(range.To))
            : Session.Query(Store._sql.RawOfAll(chunks[0], range), streaming: true);

        private ReadingBatch FillOfAll(DuckDBDataReader rows)
        {
            var batch = new ReadingBatch(Store.Schema.Metrics.Count, BatchRows);
            Span<double> values = stackalloc double[batch.MetricCount];
            while (batch.Count < BatchRows && rows.Read())
            {
                rows.Doubles(2, values);
                batch.Add(Store._sensors.Id(rows.GetInt32(1)), new Instant(rows.GetInt64(0)), values);
            }

            return batch;
        }

        /// <summary>All rows of the part, ascending: chunks come in order, rows inside one unless late ones were appended.</summary>
        private ReadingBatch FillOfSensor(DuckDBDataReader rows)
        {
            var batch = new ReadingBatch(Store.Schema.Metrics.Count, 256);
            Span<double> values = stackalloc double[batch.MetricCount];
            var ascending = true;
            var last = long.MinValue;
            while (rows.Read())
            {
                var time = rows.GetInt64(0);
                if (time >= range.From.Micros && time < range.To.Micros)
                {
                    ascending &= time > last;
                    last = time;
                    rows.Doubles(1, values);
                    batch.Add(sensorId!, new Instant(time), values);
                }
            }

            return ascending ? batch : Sorted(batch);
        }

        private static ReadingBatch Sorted(ReadingBatch batch)
        {
            var sorted = new ReadingBatch(batch.MetricCount, batch.Count);
            var times = batch.TimesMicros.ToArray();
            var rows = Enumerable.Range(0, batch.Count).ToArray();
            Array.Sort(times, rows);
            foreach (var row in rows)
            {
                sorted.Add(batch[row]);
            }

            return sorted;
        }
    }
}
