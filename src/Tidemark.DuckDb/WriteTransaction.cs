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
        private StoreState _state = StoreState.Empty;

        public void Begin(StoreState state) => _state = state;

        /// <summary>
        /// 1. Order the rows by (sensor, time), the last of equal ones only. 2. Look up the rows that may exist already. 3. Take out the
        /// unchanged and delete what is replaced. 4. Append the rest chunk by chunk. 5. Note invalid buckets and last readings.
        /// </summary>
        public WriteResult Add(ReadingBatch batch)
        {
            var keys = ArrayPool<int>.Shared.Rent(batch.Count);
            try
            {
                if (MapKeys(batch, keys) is { Count: > 0 } refused)
                {
                    return Add(batch.Without(refused)).Refuse([.. refused.Select(RefusedReading.OfNewSensor)]);
                }

                var rows = Order(batch, keys);
                var known = FindKnown(batch, keys, rows);
                var (unchanged, replaced) = LookUp(batch, keys, known);
                if (unchanged.Count > 0)
                {
                    rows.RemoveAll(unchanged.Contains);
                }

                Append(batch, keys, rows);
                Note(batch, keys, rows);
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
                store._sensors.Add(id, _latest[_newKeys[id]]);
            }

            foreach (var (key, latest) in _latest)
            {
                store._sensors.SetLatest(key, latest);
            }
        }

        /// <returns>The rows of new sensors beyond those that the store may have: they have no key.</returns>
        private List<int> MapKeys(ReadingBatch batch, int[] keys)
        {
            var refused = new List<int>();
            string? lastId = null;
            var lastKey = 0;
            for (var row = 0; row < batch.Count; row++)
            {
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
                    refused.Add(row);
                }
            }

            return refused;
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
        private (HashSet<int> Unchanged, int Replaced) LookUp(ReadingBatch batch, int[] keys, List<int> known)
        {
            if (known.Count == 0)
            {
                return ([], 0);
            }

            var session = store._session;
            session.Execute("CREATE OR REPLACE TEMP TABLE late AS SELECT * FROM internal.latest WHERE false");
            using (var appender = new ColumnAppender(session, "temp", "main", "late", store._sql.ColumnOrder))
            {
                appender.Append(batch, keys, CollectionsMarshal.AsSpan(known));
                appender.Complete();
            }

            var byIdentity = new Dictionary<(int, long), int>(known.Count);
            var range = new TimeRange(Instant.MaxValue, Instant.MinValue);
            foreach (var row in known)
            {
                byIdentity.Add((keys[row], batch.TimesMicros[row]), row);
                var time = new Instant(batch.TimesMicros[row]);
                range = new TimeRange(Instant.Min(range.From, time), Instant.Max(range.To, new Instant(time.Micros + 1)));
            }

            var unchanged = new HashSet<int>();
            var replaced = 0;
            foreach (var chunk in _state.ChunksIn(range))
            {
                var others = 0;
                using (var rows = session.Query(store._sql.LateIn(chunk, range), streaming: false))
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
                    session.Execute(store._sql.DeleteReplaced(chunk, range));
                    replaced += others;
                }
            }

            return (unchanged, replaced);
        }

        private void Append(ReadingBatch batch, int[] keys, List<int> rows)
        {
            if (rows.Count == 0)
            {
                return;
            }

            _state = store.MakeRoom(_state, CountByInterval(batch, rows));
            var byChunk = new Dictionary<int, List<int>>();
            var (range, current) = (default(TimeRange), rows);
            foreach (var row in rows)
            {
                var time = new Instant(batch.TimesMicros[row]);
                if (!range.Contains(time))
                {
                    var chunk = _state.ChunkAt(time)!;
                    range = chunk.Range;
                    ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(byChunk, chunk.Id, out _);
                    current = list ??= [];
                }

                current.Add(row);
            }

            foreach (var (chunk, chunkRows) in byChunk)
            {
                using var appender = new ColumnAppender(store._session, "store", "internal", $"chunk_{chunk}", store._sql.ColumnOrder);
                appender.Append(batch, keys, CollectionsMarshal.AsSpan(chunkRows));
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
        private void Note(ReadingBatch batch, int[] keys, List<int> rows)
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
                    _latest[key] = new LatestReading(time, batch[row].Values);
                }
            }
        }

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
