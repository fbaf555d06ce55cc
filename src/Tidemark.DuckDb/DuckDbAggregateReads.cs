using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>
    /// Rows of an aggregate with what is known of them, all of one state of the store. One sensor's come ascending, those of a long range
    /// in slices of buckets that hold at most <see cref="MostValues"/> values.
    /// </summary>
    private sealed class AggregateRead(
        DuckDbStore store, AggregateDefinition aggregate, AggregateQuery query, int? key, CancellationToken cancellationToken)
        : OpenRead<AggregateBatch>(store, cancellationToken)
    {
        // A long read begins with little, so that its first rows come soon.
        private const int FirstRows = 1024;

        private readonly TimeRange _buckets = new(aggregate.Bucket.Ceiling(query.Range.From), aggregate.Bucket.Ceiling(query.Range.To));
        private readonly bool _withExtra = query.Metrics is null && !query.Partials && aggregate.ExtraColumns.Count > 0;
        private Selection _metrics = store.Select(store._state, key, query.Metrics);
        private StoreState _state = StoreState.Empty;
        private Slices _slices = new(default, 0);
        private bool _inSlices;

        /// <summary>Whether it may take more than a batch.</summary>
        public bool IsLong => key is not { } sensor || MayHold(sensor) > MostRows;

        public IReadOnlyList<string> Columns => query.Partials
            ? AggregateDefinition.PartialColumns(_metrics.Names)
            : aggregate.Columns(_metrics.Names, _withExtra);

        private int Width => ((query.Partials ? 4 : 3) * _metrics.Count) + (_withExtra ? aggregate.ExtraColumns.Count : 0);

        private int MostRows => Math.Max(256, MostValues / (2 + Width));

        public Instant? Watermark { get; private set; }

        public Instant? Horizon { get; private set; }

        public bool Pending { get; private set; }

        public override bool IsAtEnd => Ready is null && Rows is null && _slices.Rest.IsEmpty;

        /// <summary>Opens it with what is in memory.</summary>
        /// <returns>False when that isn't enough.</returns>
        public bool TryOpen() => key is { } sensor && !IsLong && !query.FromRaw && !_withExtra && Store.TryReadConsistently(state =>
        {
            Know(state);
            var partials = new PartialRows(_metrics.Count, aggregate.Bucket);
            if (MayBePending(state) || !AddPartials(partials, aggregate, _buckets, sensor, null))
            {
                return false;
            }

            SetReady(partials.ToBatch(query.SensorId!, query.Partials));
            return true;
        });

        public bool Open() => Guard(() => Store.ReadConsistently(Open, _ => Close()));

        public override AggregateBatch? Next() => Guard(() =>
        {
            var batch = TakeReady() ?? (key is { } sensor ? NextOfSensor(sensor) : NextOfAll());
            return batch is { Count: > 0 } ? batch : null;
        });

        private void SetReady(AggregateBatch? batch) => Ready = batch is { Count: > 0 } ? batch : null;

        private bool MayBePending(StoreState state) => !query.FromRaw && state.Aggregates.Any(a => a.HasInvalidations);

        private void Know(StoreState state)
        {
            _state = state;
            _metrics = Store.Select(state, key, query.Metrics);
            Watermark = state.Aggregate(aggregate).Watermark;
            Horizon = query.FromRaw ? state.RawHorizon : state.Aggregate(aggregate).Horizon;
        }

        private bool Open(StoreState state)
        {
            Close();
            Know(state);
            var mayBePending = MayBePending(state);
            _inSlices = key is not null && IsLong;
            if (_inSlices || (key is null && mayBePending))
            {
                BeginTransaction();
            }

            Pending = mayBePending && IsPending(Session, state, aggregate, query.Range, key);
            if (key is { } sensor)
            {
                _slices = _inSlices
                    ? new Slices(_buckets with { From = First(aggregate, _buckets, sensor) }, FirstRows * BucketMicros)
                    : new Slices(_buckets, long.MaxValue);
                SetReady(NextOfSensor(sensor));
            }
            else
            {
                Rows = Session.Query(Sql(_buckets), streaming: true);
            }

            return true;
        }

        private long BucketMicros => (long)aggregate.Bucket.Approximate.TotalMicroseconds;

        /// <summary>How many buckets the answer may have, as far as the sensor's readings go.</summary>
        private long MayHold(int sensor)
        {
            var end = Math.Min(_buckets.To.Micros, Store._sensors.Latest(sensor)!.TimeMicros + 1);
            return (end - _buckets.From.Micros) / BucketMicros;
        }

        /// <summary>The bucket of the range before which the sensor has nothing.</summary>
        private Instant First(AggregateDefinition part, TimeRange range, int sensor)
        {
            var (kept, tail) = query.FromRaw ? (default, range) : Parts(part, range);
            if (!kept.IsEmpty
                && Session.Scalar(DuckDbSql.FirstBucket(part), sensor, kept.From.ToDateTime(), kept.To.ToDateTime()) is long bucket)
            {
                return aggregate.Bucket.Floor(new Instant(bucket));
            }

            if (part.Source is { } source && !query.FromRaw)
            {
                return tail.IsEmpty ? range.To : First(source, tail, sensor);
            }

            return _state.ChunksIn(tail).FirstOrDefault() is { } chunk
                ? Instant.Max(range.From, aggregate.Bucket.Floor(chunk.Range.From))
                : range.To;
        }

        private AggregateBatch? NextOfSensor(int sensor)
        {
            while (!_slices.Rest.IsEmpty)
            {
                var slice = _slices.Next;
                slice = slice with { To = Instant.Min(aggregate.Bucket.Ceiling(slice.To), _slices.Rest.To) };
                if (Fill(slice, sensor) is not { } batch)
                {
                    _slices.Narrow(slice);
                    continue;
                }

                _slices.Take(slice, isSparse: batch.Count < MostRows / 2);
                if (batch.Count > 0)
                {
                    return batch;
                }
            }

            return null;
        }

        /// <returns>Null when the slice holds more than a batch may have.</returns>
        private AggregateBatch? Fill(TimeRange slice, int sensor)
        {
            if (!query.FromRaw && !_withExtra)
            {
                // One sensor's rows are few: pages, a plain statement for the tail and sums here take less than one statement for all.
                var partials = new PartialRows(_metrics.Count, aggregate.Bucket);
                return AddPartials(partials, aggregate, slice, sensor, Session) ? partials.ToBatch(query.SensorId!, query.Partials) : null;
            }

            // The text of a slice is used once.
            using var rows = _inSlices
                ? Session.Query($"{Sql(slice)} ORDER BY 1 LIMIT {MostRows + 1}", streaming: false, sensor)
                : Session.QueryPrepared($"{Sql(slice)} ORDER BY 1", sensor);
            var batch = new AggregateBatch(Width, 256);
            while (rows.Read())
            {
                if (_inSlices && batch.Count == MostRows)
                {
                    return null;
                }

                Add(batch, rows);
            }

            return batch;
        }

        /// <summary>Adds materialised rows below the watermark and, beyond, those of the source, recursively.</summary>
        /// <param name="rows">Where they are added.</param>
        /// <param name="part">The aggregate whose rows they are.</param>
        /// <param name="range">Of buckets.</param>
        /// <param name="sensor">Its key.</param>
        /// <param name="session">Null to take only what is in memory.</param>
        /// <returns>False when they are more than a batch may have, or not in memory.</returns>
        private bool AddPartials(PartialRows rows, AggregateDefinition part, TimeRange range, int sensor, Session? session)
        {
            // Pages in memory are of the present state, which a long read leaves behind.
            var most = _inSlices ? MostRows : int.MaxValue;
            var (materialised, tail) = Parts(part, range);
            if (!materialised.IsEmpty
                && (_inSlices || !Store._pages.TryAdd(rows, session, _state, part, _metrics, materialised, sensor))
                && (session is null || !AddStored(rows, session, part, _metrics, materialised, sensor, most)))
            {
                return false;
            }

            var last = new Instant(Store._sensors.Latest(sensor)!.TimeMicros);
            if (tail.IsEmpty || last < tail.From)
            {
                return true;
            }

            if (part.Source is { } source)
            {
                return AddPartials(rows, source, tail, sensor, session);
            }

            return (!_inSlices && Store._pages.TryAddTail(rows, session, _state, part, _metrics, tail, sensor, last))
                || (session is not null && AddRaw(rows, session, _state, _metrics, tail, sensor, most));
        }

        /// <summary>What is materialised of the range, and what is computed.</summary>
        private (TimeRange Materialised, TimeRange Tail) Parts(AggregateDefinition part, TimeRange range)
        {
            var watermark = _state.Aggregate(part).Watermark ?? Instant.MinValue;
            return (
                range.Intersect(new TimeRange(Instant.MinValue, watermark)),
                Store._options.RealTime ? range.Intersect(new TimeRange(watermark, Instant.MaxValue)) : default);
        }

        private AggregateBatch? NextOfAll()
        {
            if (Rows is null)
            {
                return null;
            }

            var batch = new AggregateBatch(Width, 256);
            while (batch.Count < BatchRows)
            {
                if (!Rows.Read())
                {
                    Rows.Dispose();
                    Rows = null;
                    break;
                }

                Add(batch, Rows);
            }

            return batch;
        }

        private string Sql(TimeRange range)
            => DuckDbSql.Select(
                _state,
                new AggregateRows(aggregate, range, _metrics, _withExtra),
                key is not null,
                query,
                Store._options.RealTime);

        private void Add(AggregateBatch batch, DuckDBDataReader rows)
        {
            var row = batch.Add(new Instant(rows.GetInt64(0)), query.SensorId ?? Store._sensors.Id(rows.GetInt32(1)), rows.GetInt64(2));
            for (var column = 0; column < Width; column++)
            {
                batch.Set(row, column, rows.DoubleOrNaN(3 + column));
            }
        }

        private void Close()
        {
            Ready = null;
            _slices = new Slices(default, 0);
            Rows?.Dispose();
            Rows = null;
            EndTransaction();
        }
    }
}
