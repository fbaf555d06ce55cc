using System.Buffers;
using System.Runtime.InteropServices;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>
    /// Writes batches inside one transaction. Most readings are newer than all that their sensor has, and those are appended
    /// unseen; only the others are looked up in their chunks. What memory knows of sensors changes in <see cref="Publish"/>, after the
    /// commit.
    /// </summary>
    private sealed class WriteTransaction(DuckDbStore store)
    {
        private readonly Dictionary<string, int> _newKeys = new(StringComparer.Ordinal);
        private readonly List<string> _newIds = [];
        private readonly Dictionary<int, LatestReading> _latest = [];
        private readonly HashSet<(string Aggregate, int Sensor, long Bucket)> _invalid = [];
        private readonly HashSet<int> _written = [];
        private readonly Dictionary<int, MetricSet> _sent = [];
        private StoreState _state = StoreState.Empty;

        public void Begin(StoreState state) => _state = state;

        /// <summary>
        /// 1. Find the metrics, and add those that are new. 2. Order the rows by (sensor, time), the last of equal ones only. 3. Look up
        /// the rows that may exist already. 4. Take out the unchanged and delete what is replaced. 5. Append the rest chunk by chunk. 6. Note
        /// invalid buckets, last readings and what sensors sent.
        /// </summary>
        public WriteResult Add(ReadingBatch batch)
        {
            var keys = ArrayPool<int>.Shared.Rent(batch.Count);
            try
            {
                var refused = new SortedDictionary<int, RefusedReading>();
                RefuseMetrics(batch, refused);
                MapKeys(batch, keys, refused);
                if (refused.Count > 0)
                {
                    return Add(batch.Without([.. refused.Keys])).Refuse([.. refused.Values]);
                }

                batch = batch.Mode is WriteMode.Merge ? batch.Copy() : batch;
                var rows = Order(batch, keys);
                var known = FindKnown(batch, keys, rows);
                if (batch.Mode is WriteMode.Merge && known.Count > 0)
                {
                    FillFromStored(batch, keys, known);
                }

                var metrics = MapMetrics(batch);
                AddMaps(batch, metrics, rows);
                var (unchanged, replaced) = LookUp(batch, metrics, keys, known);
                if (unchanged.Count > 0)
                {
                    rows.RemoveAll(unchanged.Contains);
                }

                Append(batch, metrics, keys, rows);
                Note(batch, metrics, keys, rows);
                NoteSent(batch, metrics, keys, rows);
                return new WriteResult(rows.Count - replaced, replaced, unchanged.Count);
            }
            finally
            {
                ArrayPool<int>.Shared.Return(keys);
            }
        }

        public StoreState Finish()
        {
            if (_newIds.Count > 0)
            {
                using var sensors = store._session.Connection.CreateAppender("store", "internal", "sensors");
                for (var i = 0; i < _newIds.Count; i++)
                {
                    sensors.CreateRow().AppendValue(store._sensors.Count + i).AppendValue(_newIds[i]).EndRow();
                }
            }

            if (_sent.Count > 0)
            {
                using var noted = store._session.Connection.CreateAppender("store", "internal", "sensor_metrics");
                foreach (var (key, sent) in _sent)
                {
                    foreach (var metric in sent.Ids.Except(KnownSent(key).Ids))
                    {
                        noted.CreateRow().AppendValue(key).AppendValue(metric).EndRow();
                    }
                }
            }

            if (_invalid.Count > 0)
            {
                using var invalidations = store._session.Connection.CreateAppender("store", "internal", "invalidations");
                foreach (var (aggregate, sensor, bucket) in _invalid)
                {
                    invalidations.CreateRow().AppendValue(aggregate).AppendValue(sensor).AppendValue(new Instant(bucket).ToDateTime())
                        .EndRow();
                }
            }

            foreach (var name in _invalid.Select(i => i.Aggregate).Distinct())
            {
                var aggregate = _state.Aggregate(store._kept.Aggregate(name));
                _state = aggregate.HasInvalidations ? _state : _state.With(aggregate with { HasInvalidations = true });
            }

            return _state;
        }

        /// <summary>Makes sensors, last readings and that there are new ones known to readers.</summary>
        public void Publish()
        {
            store._pages.Written(_written);
            foreach (var id in _newIds)
            {
                var key = _newKeys[id];
                store._sensors.Add(id, _latest[key], _sent.GetValueOrDefault(key, MetricSet.Empty));
            }

            foreach (var (key, sent) in _sent)
            {
                store._sensors.SetSent(key, sent);
            }

            foreach (var (key, latest) in _latest)
            {
                store._sensors.SetLatest(key, latest);
            }
        }

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

        /// <summary>Finds the sensors' keys. Rows of new sensors beyond those that the store may have are refused.</summary>
        private void MapKeys(ReadingBatch batch, int[] keys, SortedDictionary<int, RefusedReading> refused)
        {
            string? lastId = null;
            var lastKey = 0;
            for (var row = 0; row < batch.Count; row++)
            {
                if (refused.Count > 0 && refused.ContainsKey(row))
                {
                    continue;
                }

                var id = batch.SensorIds[row];
                if (!ReferenceEquals(id, lastId))
                {
                    lastId = id;
                    lastKey = Key(id);
                    if (lastKey >= 0)
                    {
                        _written.Add(lastKey);
                    }
                }

                keys[row] = lastKey;
                if (lastKey < 0)
                {
                    refused.Add(row, RefusedReading.OfNewSensor(row));
                }
            }
        }

        /// <returns>Below zero for a new sensor that has no place.</returns>
        private int Key(string id)
        {
            if (store._sensors.TryGetKey(id, out var key) || _newKeys.TryGetValue(id, out key))
            {
                return key;
            }

            key = store._sensors.Count + _newIds.Count;
            if (key >= store._options.MaxSensors)
            {
                return -1;
            }

            _newKeys.Add(id, key);
            _newIds.Add(id);
            return key;
        }

        /// <summary>Row numbers by (sensor, time); of equal ones the last row of the batch.</summary>
        private List<int> Order(ReadingBatch batch, int[] keys)
        {
            var times = batch.TimesMicros;
            var packed = ArrayPool<ulong>.Shared.Rent(batch.Count);
            for (var row = 0; row < batch.Count; row++)
            {
                packed[row] = ((ulong)keys[row] << 32) | (uint)row;
            }

            Array.Sort(packed, 0, batch.Count);
            var rows = new List<int>(batch.Count);
            for (var start = 0; start < batch.Count;)
            {
                var first = rows.Count;
                var key = packed[start] >> 32;
                var ascending = true;
                for (; start < batch.Count && packed[start] >> 32 == key; start++)
                {
                    var row = (int)(uint)packed[start];
                    ascending &= rows.Count == first || times[rows[^1]] < times[row];
                    rows.Add(row);
                }

                if (!ascending)
                {
                    SortAndFold(batch, rows, first);
                }
            }

            ArrayPool<ulong>.Shared.Return(packed);
            return rows;
        }

        private void SortAndFold(ReadingBatch batch, List<int> rows, int first)
        {
            var run = rows.Skip(first).Select(row => (Time: batch.TimesMicros[row], Row: row)).ToArray();
            Array.Sort(run);
            rows.RemoveRange(first, rows.Count - first);
            for (var i = 0; i < run.Length; i++)
            {
                if (i + 1 == run.Length || run[i + 1].Time != run[i].Time)
                {
                    rows.Add(run[i].Row);
                }
                else if (batch.Mode is WriteMode.Merge)
                {
                    FillFrom(batch, run[i].Row, run[i + 1].Row);
                }
            }
        }

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

        /// <summary>Readies chunks for values in the map. A table is changed before its rows are, or DuckDB refuses the commit.</summary>
        private void AddMaps(ReadingBatch batch, BatchMetrics metrics, List<int> rows)
        {
            foreach (var metric in metrics.InMap)
            {
                var values = batch.Metric(metric);
                Chunk? last = null;
                foreach (var row in rows)
                {
                    var time = new Instant(batch.TimesMicros[row]);
                    if (!double.IsNaN(values[row]) && last?.Range.Contains(time) != true && _state.ChunkAt(time) is { } chunk)
                    {
                        last = chunk;
                        _state = store.AddMap(_state, chunk);
                    }
                }
            }
        }

        private void Append(ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> rows)
        {
            if (rows.Count == 0)
            {
                return;
            }

            _state = store.MakeRoom(_state, CountByInterval(batch, rows));
            var byChunk = new Dictionary<Chunk, List<int>>();
            var (range, current) = (default(TimeRange), rows);
            foreach (var row in rows)
            {
                var time = new Instant(batch.TimesMicros[row]);
                if (!range.Contains(time))
                {
                    var chunk = _state.ChunkAt(time)!;
                    range = chunk.Range;
                    ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(byChunk, chunk, out _);
                    current = list ??= [];
                }

                current.Add(row);
            }

            foreach (var (chunk, chunkRows) in byChunk)
            {
                var hasMap = chunk.HasMap || metrics.NeedMap(batch, CollectionsMarshal.AsSpan(chunkRows));
                _state = hasMap ? store.AddMap(_state, chunk) : _state;
                using var appender = new ColumnAppender(
                    store._session, "store", "internal", $"chunk_{chunk.Id}", metrics.Columns.Length, hasMap);
                appender.Append(batch, metrics, keys, CollectionsMarshal.AsSpan(chunkRows));
                appender.Complete();
            }
        }

        /// <summary>How many of the rows each chunk interval gets, by its start.</summary>
        private SortedDictionary<Instant, long> CountByInterval(ReadingBatch batch, List<int> rows)
        {
            var counts = new Dictionary<Instant, long>();
            var (range, count) = (default(TimeRange), 0L);
            foreach (var row in rows)
            {
                var time = new Instant(batch.TimesMicros[row]);
                if (!range.Contains(time))
                {
                    if (count > 0)
                    {
                        counts[range.From] = count;
                    }

                    range = store.IntervalOf(time);
                    count = counts.GetValueOrDefault(range.From);
                }

                count++;
            }

            counts[range.From] = count;
            return new SortedDictionary<Instant, long>(counts);
        }

        /// <summary>Notes buckets below a watermark as invalid, and each sensor's last reading.</summary>
        private void Note(ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> rows)
        {
            var fromRaw = _state.Aggregates.Where(a => a.Definition.Source is null && a.Watermark is not null).ToArray();
            var highest = fromRaw.Length == 0 ? long.MinValue : fromRaw.Max(a => a.Watermark!.Value.Micros);
            for (var i = 0; i < rows.Count; i++)
            {
                var (row, key, time) = (rows[i], keys[rows[i]], batch.TimesMicros[rows[i]]);
                if (time < highest)
                {
                    Invalidate(fromRaw, key, new Instant(time));
                }

                var lastOfSensor = i + 1 == rows.Count || keys[rows[i + 1]] != key;
                if (lastOfSensor && (Latest(key) is not { } latest || time >= latest.TimeMicros))
                {
                    _latest[key] = LatestOf(batch, metrics, row);
                }
            }
        }

        private static LatestReading LatestOf(ReadingBatch batch, BatchMetrics metrics, int row)
        {
            var there = Enumerable.Range(0, batch.MetricCount).Where(m => !double.IsNaN(batch.Metric(m)[row])).ToArray();
            return new LatestReading(
                batch.TimesMicros[row],
                there.Length == batch.MetricCount ? metrics.Ids : [.. there.Select(m => metrics.Ids[m])],
                [.. there.Select(m => batch.Metric(m)[row])]);
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
                    missing = [.. Enumerable.Range(0, metrics.Ids.Length).Where(m => metrics.Ids[m] >= 0 && !sent.Contains(metrics.Ids[m]))];
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

        private void Invalidate(AggregateState[] aggregates, int key, Instant time)
        {
            foreach (var aggregate in aggregates)
            {
                var bucket = aggregate.Definition.Bucket.Floor(time);
                if (time < aggregate.Watermark && bucket >= _state.FrozenBefore(aggregate.Definition))
                {
                    _invalid.Add((aggregate.Definition.Name, key, bucket.Micros));
                }
            }
        }
    }
}
