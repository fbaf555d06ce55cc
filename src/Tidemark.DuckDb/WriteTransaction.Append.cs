using System.Runtime.InteropServices;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <remarks>What is new.</remarks>
    private sealed partial class WriteTransaction
    {
        private const int MostGathered = 256;

        private readonly List<Gathered> _gathered = [];

        /// <param name="Keys">The sensors' by row.</param>
        private sealed record Gathered(ReadingBatch Batch, BatchMetrics Metrics, List<int> Keys);

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

        /// <summary>
        /// Appends the rows, or those of a small batch later, together with those of others that share the transaction: a call of the
        /// database costs more than a hundred rows. They have to be there before anything is looked up.
        /// </summary>
        private void GatherOrAppend(ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> rows)
        {
            if (rows.Count > MostGathered)
            {
                Append(batch, metrics, keys, rows);
                return;
            }

            var gathered = _gathered.Find(
                g => g.Metrics.Ids.AsSpan().SequenceEqual(metrics.Ids) && g.Batch.Metrics.SequenceEqual(batch.Metrics));
            if (gathered is null)
            {
                _gathered.Add(gathered = new Gathered(new ReadingBatch([.. batch.Metrics], rows.Count), metrics, []));
            }

            foreach (var row in rows)
            {
                gathered.Batch.Add(batch[row]);
                gathered.Keys.Add(keys[row]);
            }
        }

        private void AppendGathered()
        {
            foreach (var (batch, metrics, keys) in _gathered)
            {
                Append(batch, metrics, [.. keys], [.. Enumerable.Range(0, batch.Count).OrderBy(row => keys[row])]);
            }

            _gathered.Clear();
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
