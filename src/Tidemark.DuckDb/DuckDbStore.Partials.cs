namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>Adds one sensor's materialised rows of buckets in the range.</summary>
    /// <returns>False, with some added, when the rows become more than <paramref name="most"/>.</returns>
    private static bool AddStored(
        PartialRows rows, Session session, AggregateDefinition aggregate, Selection metrics, TimeRange range, int sensor,
        int most = int.MaxValue)
    {
        var (from, to) = (range.From.ToDateTime(), range.To.ToDateTime());
        using (var found = session.StreamPrepared(DuckDbSql.PartialsOfSensor(aggregate, metrics), sensor, from, to))
        {
            var partials = new double[4 * metrics.InColumns.Count];
            while (found.Read())
            {
                found.Doubles(2, partials);
                rows.AddPartial(found.GetInt64(0), found.GetInt64(1), partials, metrics.OwnColumnPlaces);
                if (rows.Count > most)
                {
                    return false;
                }
            }
        }

        if (metrics.InMap.Count > 0)
        {
            using var found = session.StreamPrepared(DuckDbSql.MapPartialsOfSensor(aggregate), sensor, from, to);
            while (found.Read())
            {
                if (metrics.Place(found.GetInt16(0)) is var place and >= 0)
                {
                    rows.AddPartial(
                        found.GetInt64(1), place, found.GetDouble(2), found.GetDouble(3), found.GetDouble(4), found.GetDouble(5));
                }
            }
        }

        return true;
    }

    /// <summary>Adds one sensor's readings in the range.</summary>
    /// <inheritdoc cref="AddStored" path="/returns"/>
    private static bool AddRaw(
        PartialRows rows, Session session, StoreState state, Selection metrics, TimeRange range, int sensor, int most = int.MaxValue)
    {
        var values = new double[metrics.Count];
        foreach (var chunk in state.ChunksIn(range))
        {
            using var found = session.StreamPrepared(
                DuckDbSql.RawOfSensor([chunk], metrics), sensor, DuckDbSql.Minute(range.From), DuckDbSql.Minute(range.To));
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
