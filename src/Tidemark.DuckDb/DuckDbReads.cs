using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    // Of one sensor's rows, whatever they are, no more is in memory at once for one reader.
    private const int MostValues = 131_072;

    /// <summary>A read that is open between batches: it holds a session, and through a transaction one snapshot, but no thread.</summary>
    /// <typeparam name="T">A batch.</typeparam>
    private abstract class OpenRead<T>(DuckDbStore store, CancellationToken cancellationToken) : IDisposable
        where T : class
    {
        private Session? _session;
        private int _disposed;

        protected DuckDbStore Store => store;

        protected Session Session => _session ??= store.RentSession();

        protected DuckDBDataReader? Rows { get; set; }

        protected bool InTransaction { get; private set; }

        /// <summary>A batch that is there before it is asked for.</summary>
        protected T? Ready { get; set; }

        /// <summary>Whether <see cref="Next"/> has nothing more to tell.</summary>
        public abstract bool IsAtEnd { get; }

        /// <summary>Reads on, on a reader's thread.</summary>
        /// <returns>The next batch, null at the end.</returns>
        public abstract T? Next();

        /// <returns>Null when the next batch has to be read.</returns>
        public T? TakeReady()
        {
            cancellationToken.ThrowIfCancellationRequested();
            var ready = Ready;
            Ready = null;
            return ready;
        }

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

        protected TResult Guard<TResult>(Func<TResult> read)
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
    /// Raw readings of one snapshot. One sensor's come in slices of time that hold at most <see cref="MostValues"/> values, so that memory
    /// is bounded however dense the readings are.
    /// </summary>
    private sealed class RawRead(DuckDbStore store, RawQuery query, int? key, CancellationToken cancellationToken)
        : OpenRead<ReadingBatch>(store, cancellationToken)
    {
        // One statement reads so many chunks of one sensor: a day or a week needs no transaction.
        private const int ChunksAtOnce = 8;

        // A long read begins with little, so that its first rows come soon.
        private const int FirstRows = 2048;

        private Selection _metrics = MetricCatalog.Empty.Everything;
        private int _mostRows;
        private bool _opened;
        private Chunk[] _chunks = [];
        private int _chunk;
        private Slices _slices = new(default, 0);
        private int _limit;

        /// <summary>Whether it may take more than one statement, as far as is known before it is opened.</summary>
        public bool IsLong { get; } = store._state.ChunksIn(query.Range).Skip(key is null ? 1 : ChunksAtOnce).Any();

        public override bool IsAtEnd => _opened && Ready is null && Rows is null && _chunk == _chunks.Length && _slices.Rest.IsEmpty;

        /// <summary>Opens it with what is in memory.</summary>
        public void TryOpen()
        {
            _opened = key is { } sensor && Store.TryReadConsistently(state =>
            {
                _metrics = Store.Select(state, key, query.Metrics);
                return FromPages(state, null, sensor);
            });
            if (!_opened)
            {
                Ready = null;
            }
        }

        public override ReadingBatch? Next() => Guard(() =>
        {
            if (!_opened)
            {
                _opened = Store.ReadConsistently(Open, _ => Close());
            }

            return TakeReady() ?? (key is null ? NextOfAll() : NextOfSensor());
        });

        /// <summary>Reads the first batch, which takes the snapshot.</summary>
        private bool Open(StoreState state)
        {
            Close();
            _metrics = Store.Select(state, key, query.Metrics);
            _mostRows = Math.Max(256, MostValues / (1 + _metrics.Count));
            _chunks = [.. state.ChunksIn(query.Range)];
            if (_chunks.Length == 0)
            {
                return true;
            }

            if (key is { } sensor && FromPages(state, Session, sensor))
            {
                return true;
            }

            var isLong = _chunks.Length > (key is null ? 1 : ChunksAtOnce);
            var held = query.Range.Intersect(new TimeRange(_chunks[0].Range.From, _chunks[^1].Range.To));
            _slices = new Slices(held, isLong ? _chunks[0].Range.To.Micros - held.From.Micros : long.MaxValue);
            _limit = isLong ? FirstRows : _mostRows;
            if (isLong)
            {
                BeginTransaction();
            }

            Ready = key is null ? NextOfAll() : NextOfSensor();
            return true;
        }

        /// <param name="state">What is read.</param>
        /// <param name="session">Null to take only what is in memory.</param>
        /// <param name="sensor">Its key.</param>
        private bool FromPages(StoreState state, Session? session, int sensor)
        {
            var batch = new ReadingBatch(_metrics.Names, 256);
            var most = Math.Max(256, MostValues / (1 + _metrics.Count));
            if (state.Chunks is not [var first, ..] || !Store._rawPages.TryAdd(
                batch, most, session, state, _metrics, query.Range.Intersect(first.Range with { To = Instant.MaxValue }), sensor))
            {
                return false;
            }

            (Ready, _chunks) = (batch.Count > 0 ? batch : null, []);
            return true;
        }

        private void Close()
        {
            Rows?.Dispose();
            Rows = null;
            Ready = null;
            (_chunks, _chunk) = ([], 0);
            _slices = new Slices(default, 0);
            EndTransaction();
        }

        private ReadingBatch? NextOfAll()
        {
            while (Rows is not null || _chunk < _chunks.Length)
            {
                Rows ??= Session.Query(DuckDbSql.RawOfAll(_chunks[_chunk++], query.Range, _metrics), streaming: true);
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
            while (!_slices.Rest.IsEmpty)
            {
                var (slice, chunks) = NextSlice();
                if (FillOfSensor(slice, chunks) is not { } batch)
                {
                    // Nothing was answered yet when there is no transaction, so the snapshot may begin here.
                    if (!InTransaction)
                    {
                        BeginTransaction();
                    }

                    continue;
                }

                _slices.Take(slice, isSparse: batch.Count < _limit / 2);
                if (batch.Count > 0)
                {
                    _limit = Math.Min(_mostRows, 4 * _limit);
                    return batch;
                }
            }

            return null;
        }

        /// <summary>The next slice and the chunks that it lies in, of whole minutes where it spans several.</summary>
        private (TimeRange Slice, Chunk[] Chunks) NextSlice()
        {
            var slice = _slices.Next;
            var minute = DuckDbSql.Minute(slice.To) * DuckDbSql.MicrosPerMinute;
            if (slice.To < _slices.Rest.To && minute > slice.From.Micros)
            {
                slice = slice with { To = new Instant(minute) };
            }

            Chunk[] chunks = [.. _chunks.Where(c => c.Range.Overlaps(slice)).Take(ChunksAtOnce)];
            var ends = chunks.Length == ChunksAtOnce ? chunks[^1].Range.To : slice.To;
            return (slice with { To = Instant.Min(slice.To, ends) }, chunks);
        }

        private ReadingBatch FillOfAll(DuckDBDataReader rows)
        {
            var batch = new ReadingBatch(_metrics.Names, BatchRows);
            Span<double> values = stackalloc double[batch.MetricCount];
            while (batch.Count < BatchRows && rows.Read())
            {
                rows.Doubles(2, values);
                batch.Add(Store._sensors.Id(rows.GetInt32(1)), new Instant(rows.GetInt64(0)), values);
            }

            return batch;
        }

        /// <summary>All rows of the slice, ascending: chunks come in order, rows inside one unless late ones were appended.</summary>
        /// <returns>Null when the slice holds more than a batch may have; the next one is narrower then.</returns>
        private ReadingBatch? FillOfSensor(TimeRange slice, Chunk[] chunks)
        {
            var batch = new ReadingBatch(_metrics.Names, 256);
            if (chunks.Length == 0)
            {
                return batch;
            }

            var (from, to) = (DuckDbSql.Minute(slice.From), DuckDbSql.Minute(new Instant(slice.To.Micros - 1)));
            Span<double> values = stackalloc double[batch.MetricCount];
            var ascending = true;
            var last = long.MinValue;
            var read = 0;

            // A minute is the finest that the statement tells apart: of a slice inside one all rows of the minute are streamed past.
            using var rows = from == to
                ? Session.Query(DuckDbSql.RawOfSensor(chunks, _metrics), streaming: true, key!.Value, from, to)
                : Session.QueryPrepared($"{DuckDbSql.RawOfSensor(chunks, _metrics)} LIMIT {_limit + 1}", key!.Value, from, to);
            while (rows.Read())
            {
                read++;
                var time = rows.GetInt64(0);
                if (time >= slice.From.Micros && time < slice.To.Micros)
                {
                    if (batch.Count == _limit)
                    {
                        _slices.Narrow(slice, Most(batch) - slice.From.Micros);
                        return null;
                    }

                    ascending &= time > last;
                    last = time;
                    rows.Doubles(1, values);
                    batch.Add(query.SensorId!, new Instant(time), values);
                }
            }

            if (from != to && read > _limit)
            {
                _slices.Narrow(slice);
                return null;
            }

            return ascending ? batch : Sorted(batch);
        }

        /// <summary>Behind most of the batch's times.</summary>
        private static long Most(ReadingBatch batch)
        {
            var times = batch.TimesMicros.ToArray();
            Array.Sort(times);
            return times[times.Length * 3 / 4];
        }

        private static ReadingBatch Sorted(ReadingBatch batch)
        {
            var sorted = new ReadingBatch(batch.Metrics, batch.Count);
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
