using System.Buffers;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>
    /// Writes batches inside one transaction. Most readings are newer than all that their sensor has, and those are appended
    /// unseen; only the others are looked up in their chunks. What memory knows of sensors changes in <see cref="Publish"/>, after the
    /// commit.
    /// </summary>
    private sealed partial class WriteTransaction(DuckDbStore store)
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
        /// 1. Find the metrics, and add those that are new. 2. Order the rows by (sensor, time), the last of equal ones only. 3. Look
        /// up the rows that may exist already. 4. Take out the unchanged and delete what is replaced. 5. Append the rest chunk by chunk. 6.
        /// Note invalid buckets, last readings and what sensors sent.
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

                var rows = Order(ref batch, keys);
                var known = FindKnown(batch, keys, rows);
                if (known.Count > 0)
                {
                    AppendGathered();
                }

                if (batch.Mode is WriteMode.Merge && known.Count > 0)
                {
                    batch = batch.Copy();
                    FillFromStored(batch, keys, known);
                }

                var metrics = MapMetrics(batch);
                AddMaps(batch, metrics, rows);
                var (unchanged, replaced) = LookUp(batch, metrics, keys, known);
                if (unchanged.Count > 0)
                {
                    rows.RemoveAll(unchanged.Contains);
                }

                GatherOrAppend(batch, metrics, keys, rows);
                Note(batch, metrics, keys, rows);
                NoteSent(batch, metrics, keys, rows);
                NoteCommit(batch, metrics, keys, rows);
                return new WriteResult(rows.Count - replaced, replaced, unchanged.Count);
            }
            finally
            {
                ArrayPool<int>.Shared.Return(keys);
            }
        }

        public StoreState Finish()
        {
            AppendGathered();
            AppendCommit();
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
            _runs.ForEach(store._rawPages.Add);
            foreach (var id in _newIds)
            {
                var key = _newKeys[id];
                store._sensors.Add(id, _latest[key], _sent.GetValueOrDefault(key, MetricSet.Empty));
            }

            CountCommit();
            foreach (var (key, sent) in _sent)
            {
                store._sensors.SetSent(key, sent);
            }

            foreach (var (key, latest) in _latest)
            {
                store._sensors.SetLatest(key, latest);
            }

            PublishCommit();
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
        /// <param name="batch">Becomes a copy when rows of it add to each other: it is the caller's.</param>
        /// <param name="keys">The sensors' keys by row.</param>
        private List<int> Order(ref ReadingBatch batch, int[] keys)
        {
            var sent = batch;
            var times = sent.TimesMicros;
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
                    batch = batch.Mode is WriteMode.Merge && ReferenceEquals(batch, sent) ? sent.Copy() : batch;
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
    }
}
