namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>Buckets of one metric over all sensors, from pages in memory or of one statement.</summary>
    private sealed class FleetRead(DuckDbStore store, AggregateDefinition aggregate, FleetQuery query, CancellationToken cancellationToken)
        : OpenRead<IReadOnlyList<FleetPoint>>(store, cancellationToken)
    {
        private readonly TimeRange _buckets = new(aggregate.Bucket.Ceiling(query.Range.From), aggregate.Bucket.Ceiling(query.Range.To));
        private bool _opened;
        private bool _ended;

        public override bool IsAtEnd => _ended && Ready is null;

        /// <summary>Opens it with what is in memory.</summary>
        public void TryOpen()
        {
            _opened = !query.FromRaw && Store.TryReadConsistently(state => FromPages(state, null));
            if (!_opened)
            {
                (Ready, _ended) = (null, false);
            }
        }

        public override IReadOnlyList<FleetPoint>? Next() => Guard(() =>
        {
            if (!_opened)
            {
                _opened = Store.ReadConsistently(Open, _ => Close());
            }

            return TakeReady() ?? NextOfRows();
        });

        private List<FleetPoint>? NextOfRows()
        {
            var points = new List<FleetPoint>();
            while (!_ended && points.Count < BatchRows)
            {
                if (Rows!.Read())
                {
                    points.Add(new FleetPoint(
                        new Instant(Rows.GetInt64(0)),
                        Rows.IsDBNull(1) ? null : Rows.GetDouble(1),
                        Rows.GetInt64(2)));
                }
                else
                {
                    _ended = true;
                }
            }

            return points.Count > 0 ? points : null;
        }

        private bool Open(StoreState state)
        {
            Close();
            if (query.FromRaw || !FromPages(state, Session))
            {
                var rows = RowsOf(state, aggregate, query.Range);
                Rows = Session.Query(DuckDbSql.Fleet(state, rows, query.FromRaw, Store._options.RealTime), streaming: true);
            }

            return true;
        }

        /// <param name="state">What is read.</param>
        /// <param name="session">Null to take only what is in memory.</param>
        private bool FromPages(StoreState state, Session? session)
        {
            var commits = Interlocked.Read(ref Store._commits);
            var rows = new PartialRows(1, aggregate.Bucket);
            if (!AddPartials(rows, state, aggregate, _buckets, session, commits))
            {
                return false;
            }

            var points = rows.ToFleet();
            (Ready, _ended) = (points.Count > 0 ? points : null, true);
            return true;
        }

        /// <summary>Adds materialised rows below the watermark and, beyond, those of the source, recursively.</summary>
        private bool AddPartials(
            PartialRows rows, StoreState state, AggregateDefinition part, TimeRange range, Session? session, long commits)
        {
            var watermark = state.Aggregate(part).Watermark ?? Instant.MinValue;
            var materialised = range.Intersect(new TimeRange(Instant.MinValue, watermark));
            if (!materialised.IsEmpty && !Store._fleetPages.TryAdd(rows, session, state, RowsOf(state, part, materialised)))
            {
                return false;
            }

            var tail = Store._options.RealTime ? range.Intersect(new TimeRange(watermark, Instant.MaxValue)) : default;
            return tail.IsEmpty || (part.Source is { } source
                ? AddPartials(rows, state, source, tail, session, commits)
                : Store._fleetPages.TryAddTail(rows, session, state, RowsOf(state, part, tail), commits));
        }

        private AggregateRows RowsOf(StoreState state, AggregateDefinition part, TimeRange range)
            => new(part, range, Store.Select(state, null, [query.Metric]), WithExtra: false);

        private void Close()
        {
            Rows?.Dispose();
            Rows = null;
            (Ready, _ended) = (null, false);
        }
    }
}
