namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>Adds one sensor's materialised rows of buckets in the range.</summary>
    /// <returns>False, with some added, when the rows become more than <paramref name="most"/>.</returns>
    private bool AddStored(
        PartialRows rows, Session session, AggregateDefinition aggregate, TimeRange range, int sensor, int most = int.MaxValue)
    {
        using var found = session.StreamPrepared(_sql.PartialsOfSensor(aggregate), sensor, range.From.ToDateTime(), range.To.ToDateTime());
        Span<double> partials = stackalloc double[4 * Schema.Metrics.Count];
        while (found.Read())
        {
            found.Doubles(2, partials);
            rows.AddPartial(found.GetInt64(0), found.GetInt64(1), partials);
            if (rows.Count > most)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Adds one sensor's readings in the range.</summary>
    /// <inheritdoc cref="AddStored" path="/returns"/>
    private bool AddRaw(PartialRows rows, Session session, StoreState state, TimeRange range, int sensor, int most = int.MaxValue)
    {
        Span<double> values = stackalloc double[Schema.Metrics.Count];
        foreach (var chunk in state.ChunksIn(range))
        {
            using var found = session.StreamPrepared(
                _sql.RawOfSensor([chunk]), sensor, DuckDbSql.Minute(range.From), DuckDbSql.Minute(range.To));
            while (found.Read())
            {
                var time = found.GetInt64(0);
                if (time >= range.From.Micros && time < range.To.Micros)
                {
                    found.Doubles(1, values);
                    rows.Add(time, values);
                    if (rows.Count > most)
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }
}
