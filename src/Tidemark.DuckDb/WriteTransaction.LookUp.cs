using System.Runtime.InteropServices;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <remarks>What is stored already.</remarks>
    private sealed partial class WriteTransaction
    {
        private static void FillFrom(ReadingBatch batch, int earlier, int row)
        {
            for (var m = 0; m < batch.MetricCount; m++)
            {
                if (double.IsNaN(batch.Metric(m)[row]))
                {
                    batch.Set(row, m, batch.Metric(m)[earlier]);
                }
            }
        }

        /// <summary>Gives readings the stored values of what they have none of.</summary>
        private void FillFromStored(ReadingBatch batch, int[] keys, List<int> known)
        {
            var late = Late(batch, MapMetrics(batch), keys, known);
            foreach (var chunk in _state.ChunksIn(late.Range))
            {
                using var stored = store._session.Query(DuckDbSql.StoredIn(_state.Metrics, chunk, late.Range), streaming: false);
                while (stored.Read())
                {
                    var row = late.Rows[(stored.GetInt32(0), stored.GetInt64(1))];
                    var columns = _state.Metrics.Columns;
                    for (var c = 0; c < columns.Count; c++)
                    {
                        Fill(batch, row, columns[c].Name, stored.DoubleOrNaN(2 + c));
                    }

                    if (!stored.IsDBNull(2 + columns.Count))
                    {
                        foreach (var (id, value) in stored.GetFieldValue<Dictionary<short, double>>(2 + columns.Count))
                        {
                            if (_state.Metrics.Find(id) is { } metric)
                            {
                                Fill(batch, row, metric.Name, value);
                            }
                        }
                    }
                }
            }
        }

        private static void Fill(ReadingBatch batch, int row, string metric, double value)
        {
            var place = batch.MetricIndex(metric);
            if (place < 0 && !double.IsNaN(value))
            {
                batch.AddMetric(metric);
                place = batch.MetricCount - 1;
            }

            if (place >= 0 && double.IsNaN(batch.Metric(place)[row]))
            {
                batch.Set(row, place, value);
            }
        }

        /// <summary>The rows that are not newer than their sensor's last reading.</summary>
        private List<int> FindKnown(ReadingBatch batch, int[] keys, List<int> rows)
        {
            var known = new List<int>();
            var times = batch.TimesMicros;
            var horizon = _state.RawHorizon?.Micros ?? long.MinValue;
            var (lastKey, lastTime) = (-1, 0L);
            foreach (var row in rows)
            {
                if (times[row] < horizon)
                {
                    throw StoreException.OlderThanRetention(new Instant(times[row]), new Instant(horizon));
                }

                if (keys[row] != lastKey)
                {
                    lastKey = keys[row];
                    lastTime = Latest(lastKey)?.TimeMicros ?? long.MinValue;
                }

                if (times[row] <= lastTime)
                {
                    known.Add(row);
                }
            }

            return known;
        }

        private LatestReading? Latest(int key)
            => _latest.TryGetValue(key, out var latest) ? latest : key < store._sensors.Count ? store._sensors.Latest(key) : null;

        /// <summary>Finds which rows exist: those with the same values, and how many with others, which are deleted.</summary>
        private (HashSet<int> Unchanged, int Replaced) LookUp(ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> known)
        {
            if (known.Count == 0)
            {
                return ([], 0);
            }

            var session = store._session;
            var (byIdentity, range) = Late(batch, metrics, keys, known);
            var unchanged = new HashSet<int>();
            var replaced = 0;
            foreach (var chunk in _state.ChunksIn(range))
            {
                var others = 0;
                using (var rows = session.Query(DuckDbSql.LateIn(_state.Metrics, chunk, range), streaming: false))
                {
                    while (rows.Read())
                    {
                        if (rows.GetBoolean(2))
                        {
                            unchanged.Add(byIdentity[(rows.GetInt32(0), rows.GetInt64(1))]);
                        }
                        else
                        {
                            others++;
                        }
                    }
                }

                if (others > 0)
                {
                    session.Execute(DuckDbSql.DeleteReplaced(_state.Metrics, chunk, range));
                    replaced += others;
                }
            }

            return (unchanged, replaced);
        }

        /// <summary>Puts rows into the temporary table <c>late</c>.</summary>
        /// <returns>Where each stands in the batch, and the range of their times.</returns>
        private (Dictionary<(int, long), int> Rows, TimeRange Range) Late(
            ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> known)
        {
            var session = store._session;
            session.Execute("CREATE OR REPLACE TEMP TABLE late AS SELECT * FROM internal.latest WHERE false");
            using (var appender = new ColumnAppender(
                session, "temp", "main", "late", metrics.Columns.Length, _state.Metrics.HasMap))
            {
                appender.Append(batch, metrics, keys, CollectionsMarshal.AsSpan(known));
                appender.Complete();
            }

            var rows = new Dictionary<(int, long), int>(known.Count);
            var range = new TimeRange(Instant.MaxValue, Instant.MinValue);
            foreach (var row in known)
            {
                rows.Add((keys[row], batch.TimesMicros[row]), row);
                var time = new Instant(batch.TimesMicros[row]);
                range = new TimeRange(Instant.Min(range.From, time), Instant.Max(range.To, new Instant(time.Micros + 1)));
            }

            return (rows, range);
        }
    }
}
