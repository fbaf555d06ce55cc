namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>Rows of an aggregate with what is known of them, all of one state of the store.</summary>
    private sealed class AggregateRead(
        DuckDbStore store,
        AggregateDefinition aggregate,
        AggregateQuery query,
        int? key,
        CancellationToken cancellationToken)
        : OpenRead(store, cancellationToken)
    {
        private readonly TimeRange _buckets = new(aggregate.Bucket.Ceiling(query.Range.From), aggregate.Bucket.Ceiling(query.Range.To));
        private AggregateBatch? _ready;

        public Instant? Watermark { get; private set; }

        public bool Pending { get; private set; }

        public bool Open() => Guard(() => Store.ReadConsistently(Open, _ => Close()));

        /// <returns>The next batch, null at the end.</returns>
        public AggregateBatch? Next() => Guard(() =>
        {
            var batch = _ready ?? Fetch();
            _ready = null;
            return batch is { Count: > 0 } ? batch : null;
        });

        private bool Open(StoreState state)
        {
            Close();
            Watermark = state.Aggregate(aggregate).Watermark;
            var mayBePending = !query.FromRaw && state.Aggregates.Any(a => a.HasInvalidations);
            if (key is { } sensor && !query.FromRaw && aggregate.ExtraColumns.Count == 0)
            {
                // One sensor's rows are few: pages, a plain statement for the tail and sums here take less than one statement that does it
                // all.
                Pending = mayBePending && IsPending(Session, state, aggregate, query.Range, key);
                _ready = Partials(state, aggregate, _buckets, sensor).ToBatch(query.SensorId!);
                return true;
            }

            if (mayBePending)
            {
                BeginTransaction();
                Pending = IsPending(Session, state, aggregate, query.Range, key);
            }

            var sql = Store._sql.Select(state, aggregate, _buckets, key is not null, query.FromRaw, Store._options.RealTime);
            Rows = key is null ? Session.Query(sql, streaming: true) : Session.QueryPrepared($"{sql} ORDER BY 1", key);
            return true;
        }

        /// <summary>Materialised rows below the watermark and, beyond, those of the source, recursively.</summary>
        private PartialRows Partials(StoreState state, AggregateDefinition part, TimeRange range, int sensor)
        {
            var rows = new PartialRows(Store.Schema.Metrics.Count, part.Bucket);
            var watermark = state.Aggregate(part).Watermark ?? Instant.MinValue;
            var materialised = range.Intersect(new TimeRange(Instant.MinValue, watermark));
            if (!materialised.IsEmpty)
            {
                if (!Store._pages.TryAdd(rows, Session, state.Aggregate(part), materialised, sensor))
                {
                    Store.AddStored(rows, Session, part, materialised, sensor);
                }
            }

            var tail = range.Intersect(new TimeRange(watermark, Instant.MaxValue));
            var last = new Instant(Store._sensors.Latest(sensor)!.TimeMicros);
            if (!Store._options.RealTime || tail.IsEmpty || last < tail.From)
            {
                return rows;
            }

            if (part.Source is { } source)
            {
                Partials(state, source, tail, sensor).AddTo(rows, tail);
            }
            else if (!Store._pages.TryAddTail(rows, Session, state, part, tail, sensor, last))
            {
                Store.AddRaw(rows, Session, state, tail, sensor);
            }

            return rows;
        }

        private AggregateBatch? Fetch()
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

            return batch;
        }

        private void Close()
        {
            _ready = null;
            Rows?.Dispose();
            Rows = null;
            EndTransaction();
        }
    }
}
