namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <remarks>What a batch brings of metrics.</remarks>
    private sealed partial class WriteTransaction
    {
        /// <summary>Refuses readings with values of metrics that the store doesn't have and can't gain.</summary>
        private void RefuseMetrics(ReadingBatch batch, SortedDictionary<int, RefusedReading> refused)
        {
            var count = _state.Metrics.All.Count;
            for (var m = 0; m < batch.MetricCount; m++)
            {
                var name = batch.Metrics[m];
                if (_state.Metrics.Find(name) is not null || !HasValues(batch, m))
                {
                    continue;
                }

                var error = Metric.CheckName(name)
                    ?? (store._options.NewMetrics is NewMetrics.Refuse ? NewMetric.Refused(name, store.Schema) : null)
                    ?? (count >= store._options.MaxMetrics ? NewMetric.TooMany(name) : null);
                if (error is null)
                {
                    count++;
                }
                else
                {
                    Refuse(batch.Metric(m), error, refused);
                }
            }
        }

        private static bool HasValues(ReadingBatch batch, int metric) => batch.Metric(metric).IndexOfAnyExcept(double.NaN) >= 0;

        /// <summary>Finds where the batch's metrics are kept, and adds those that are new. One without a value needs no place.</summary>
        private BatchMetrics MapMetrics(ReadingBatch batch)
        {
            var metrics = new StoredMetric?[batch.MetricCount];
            for (var m = 0; m < metrics.Length; m++)
            {
                metrics[m] = _state.Metrics.Find(batch.Metrics[m]);
                if (metrics[m] is { FirstSeen: null } known && HasValues(batch, m))
                {
                    metrics[m] = Seen(known, store.Now);
                }
                else if (metrics[m] is null && HasValues(batch, m))
                {
                    (_state, metrics[m]) = store.AddMetric(_state, batch.Metrics[m], store.Now);
                }
            }

            return new BatchMetrics(metrics, _state.Metrics);
        }

        private StoredMetric Seen(StoredMetric metric, Instant now)
        {
            store._session.Execute("UPDATE internal.metrics SET first_seen = $2 WHERE metric = $1", metric.Id, now.Micros);
            _state = _state with { Metrics = _state.Metrics.Seen(metric, now) };
            return metric;
        }

        private static void Refuse(ReadOnlySpan<double> values, string error, SortedDictionary<int, RefusedReading> refused)
        {
            for (var row = 0; row < values.Length; row++)
            {
                if (!double.IsNaN(values[row]))
                {
                    refused.TryAdd(row, new RefusedReading(row, error));
                }
            }
        }

        /// <summary>Notes the metrics that sensors send for the first time.</summary>
        private void NoteSent(ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> rows)
        {
            var (lastKey, missing) = (-1, new List<int>());
            foreach (var row in rows)
            {
                if (keys[row] != lastKey)
                {
                    lastKey = keys[row];
                    var sent = _sent.GetValueOrDefault(lastKey) ?? KnownSent(lastKey);
                    missing = [.. metrics.Ids.Index().Where(id => id.Item >= 0 && !sent.Contains(id.Item)).Select(id => id.Index)];
                }

                if (missing.Count > 0 && missing.Where(m => !double.IsNaN(batch.Metric(m)[row])).ToList() is { Count: > 0 } found)
                {
                    _sent[lastKey] = store._sensors.Sets.With(
                        _sent.GetValueOrDefault(lastKey) ?? KnownSent(lastKey),
                        found.Select(m => metrics.Ids[m]));
                    missing.RemoveAll(found.Contains);
                }
            }
        }

        private MetricSet KnownSent(int key) => key < store._sensors.Count ? store._sensors.Sent(key) : MetricSet.Empty;
    }
}
