using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>A read that is open between batches: it holds a session, and through a transaction one snapshot, but no thread.</summary>
    private abstract class OpenRead(DuckDbStore store, CancellationToken cancellationToken) : IDisposable
    {
        private Session? _session;
        private int _disposed;

        protected DuckDbStore Store => store;

        protected Session Session => _session ??= store.RentSession();

        protected DuckDBDataReader? Rows { get; set; }

        protected bool InTransaction { get; private set; }

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
            InTransaction = true;
        }

        protected void EndTransaction()
        {
            if (InTransaction)
            {
                InTransaction = false;
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

    /// <summary>
    /// Raw readings of one snapshot. One sensor's come in slices of time that hold at most <see cref="MostValues"/> values:
    /// a slice that holds more is read no further and cut in two. So memory is bounded however dense the readings are.
    /// </summary>
    private sealed class RawRead(DuckDbStore store, string? sensorId, int? key, TimeRange range, CancellationToken cancellationToken)
        : OpenRead(store, cancellationToken)
    {
        // One statement reads so many chunks of one sensor: a day or a week needs no transaction.
        private const int ChunksAtOnce = 8;

        private const int MostValues = 131_072;

        private readonly int _mostRows = Math.Max(256, MostValues / (1 + store.Schema.Metrics.Count));
        private readonly Stack<Slice> _slices = new();
        private bool _opened;
        private ReadingBatch? _ready;

        // What is wider is cut before it is read; known once a slice held too much.
        private long _widest = long.MaxValue;

        private readonly record struct Slice(Chunk[] Chunks, TimeRange Range)
        {
            public long Width => Range.To.Micros - Range.From.Micros;
        }

        /// <returns>The next batch, null at the end.</returns>
        public ReadingBatch? Next() => Guard(() =>
        {
            if (!_opened)
            {
                _opened = Store.ReadConsistently(Open, _ => Close());
            }

            var batch = _ready ?? (key is null ? NextOfAll() : NextOfSensor());
            _ready = null;
            return batch;
        });

        /// <summary>Reads the first batch, which takes the snapshot.</summary>
        private bool Open(StoreState state)
        {
            Close();
            foreach (var chunks in state.ChunksIn(range).Chunk(key is null ? 1 : ChunksAtOnce).Reverse())
            {
                _slices.Push(new Slice(chunks, range.Intersect(new TimeRange(chunks[0].Range.From, chunks[^1].Range.To))));
            }

            if (_slices.Count > 1)
            {
                BeginTransaction();
            }

            _ready = key is null ? NextOfAll() : NextOfSensor();
            return true;
        }

        private void Close()
        {
            Rows?.Dispose();
            Rows = null;
            _ready = null;
            _slices.Clear();
            _widest = long.MaxValue;
            EndTransaction();
        }

        private ReadingBatch? NextOfAll()
        {
            while (Rows is not null || _slices.Count > 0)
            {
                Rows ??= Session.Query(Store._sql.RawOfAll(_slices.Pop().Chunks[0], range), streaming: true);
                var batch = FillOfAll(Rows);
                if (batch.Count < BatchRows)
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
        }

        private ReadingBatch? NextOfSensor()
        {
            while (_slices.TryPop(out var slice))
            {
                if (slice.Width > Math.Max(1, _widest))
                {
                    Cut(slice);
                }
                else if (FillOfSensor(slice) is not { } batch)
                {
                    // Nothing was answered yet when there is no transaction, so the snapshot may begin here.
                    if (!InTransaction)
                    {
                        BeginTransaction();
                    }

                    _widest = slice.Width / 2;
                    Cut(slice);
                }
                else
                {
                    if (batch.Count < _mostRows / 4 && _widest < long.MaxValue / 4)
                    {
                        _widest *= 2;
                    }

                    if (batch.Count > 0)
                    {
                        return batch;
                    }
                }
            }

            return null;
        }

        /// <summary>Two halves in the place of a slice, the earlier one on top.</summary>
        private void Cut(Slice slice)
        {
            var middle = new Instant(slice.Range.From.Micros + (slice.Width / 2));
            foreach (var half in (ReadOnlySpan<TimeRange>)[slice.Range with { From = middle }, slice.Range with { To = middle }])
            {
                var chunks = slice.Chunks.Where(c => c.Range.Overlaps(half)).ToArray();
                if (chunks.Length > 0)
                {
                    _slices.Push(new Slice(chunks, half));
                }
            }
        }

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

        /// <summary>All rows of the slice, ascending: chunks come in order, rows inside one unless late ones were appended.</summary>
        /// <returns>Null when the slice holds more than a batch may have.</returns>
        private ReadingBatch? FillOfSensor(Slice slice)
        {
            var (from, to) = (DuckDbSql.Minute(slice.Range.From), DuckDbSql.Minute(new Instant(slice.Range.To.Micros - 1)));
            var batch = new ReadingBatch(Store.Schema.Metrics.Count, 256);
            Span<double> values = stackalloc double[batch.MetricCount];
            var ascending = true;
            var last = long.MinValue;
            var read = 0;

            // A minute is the finest that the statement tells apart: of a slice inside one all rows of the minute are streamed past.
            using var rows = from == to
                ? Session.Query(Store._sql.RawOfSensor(slice.Chunks), streaming: true, key!.Value, from, to)
                : Session.QueryPrepared($"{Store._sql.RawOfSensor(slice.Chunks)} LIMIT {_mostRows + 1}", key!.Value, from, to);
            while (rows.Read())
            {
                read++;
                var time = rows.GetInt64(0);
                if (time >= slice.Range.From.Micros && time < slice.Range.To.Micros)
                {
                    if (batch.Count == _mostRows)
                    {
                        return null;
                    }

                    ascending &= time > last;
                    last = time;
                    rows.Doubles(1, values);
                    batch.Add(sensorId!, new Instant(time), values);
                }
            }

            if (from != to && read > _mostRows)
            {
                return null;
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
