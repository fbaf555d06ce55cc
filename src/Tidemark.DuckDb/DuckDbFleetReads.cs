namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>Buckets of one metric over all sensors, of one statement.</summary>
    private sealed class FleetRead(DuckDbStore store, AggregateDefinition aggregate, FleetQuery query, CancellationToken cancellationToken)
        : OpenRead<IReadOnlyList<FleetPoint>>(store, cancellationToken)
    {
        private bool _ended;

        public override bool IsAtEnd => _ended;

        public override IReadOnlyList<FleetPoint>? Next() => Guard(() =>
        {
            if (Rows is null)
            {
                Store.ReadConsistently(Open, _ => Rows?.Dispose());
            }

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
        });

        private bool Open(StoreState state)
        {
            var rows = new AggregateRows(aggregate, query.Range, Store.Select(state, null, [query.Metric]), WithExtra: false);
            Rows = Session.Query(DuckDbSql.Fleet(state, rows, query.FromRaw, Store._options.RealTime), streaming: true);
            return true;
        }
    }
}
