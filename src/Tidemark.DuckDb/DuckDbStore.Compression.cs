namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    /// <summary>
    /// One pass over the chunks, oldest first: those that closed long enough ago are rewritten in (sensor, time) order, neighbours that
    /// hold little into one, and open ones that read badly are put in order. Each step is a transaction on the writer's thread.
    /// </summary>
    private sealed class Compression(DuckDbStore store)
    {
        private readonly List<int> _compressed = [];
        private Instant _position = Instant.MinValue;
        private long _bytesBefore;
        private long _unsaved;
        private bool _begun;

        /// <summary>Rewrites what comes next.</summary>
        /// <returns>The share of chunks that is behind it; null when nothing is left.</returns>
        public double? Next()
        {
            if (!_begun)
            {
                // Sizes are those of the file.
                store.Checkpoint(always: true);
                _begun = true;
            }

            var due = store._options.CompressAfter is { } age ? store.IntervalOf(store.Now - age).From : Instant.MinValue;
            var chunks = store._state.Chunks;
            for (var i = store._state.FirstEndingAfter(_position); i < chunks.Length; i++)
            {
                if (Rewrite(i, due))
                {
                    return (i + 1.0) / chunks.Length;
                }
            }

            return null;
        }

        /// <summary>What was compressed.</summary>
        public CompressResult Finish()
        {
            store.Checkpoint(always: true);
            var after = store._state.Chunks.Where(c => _compressed.Contains(c.Id)).ToList();
            return new CompressResult(after.Count, _bytesBefore, after.Sum(c => StoredBytes(store._session, c)));
        }

        /// <returns>Whether there was anything to do for the chunk.</returns>
        private bool Rewrite(int index, Instant due)
        {
            var chunk = store._state.Chunks[index];
            if (Little(index, due) is { Count: > 0 } few)
            {
                if (few is [{ Compressed: true }])
                {
                    return false;
                }

                Merge(few, due);
                return true;
            }

            var closed = IsClosed(chunk, due);
            if (closed ? chunk.Compressed : !store.IsScattered(chunk.Table))
            {
                return false;
            }

            PutInOrder(chunk, closed);
            _position = chunk.Range.To;
            return true;
        }

        /// <summary>The chunks from one on that hold as little, of what is due, as may share a table.</summary>
        private List<Chunk> Little(int index, Instant due)
        {
            var (few, readings) = (new List<Chunk>(), 0L);
            foreach (var chunk in store._state.Chunks.AsSpan()[index..])
            {
                var more = IsClosed(chunk, due) ? store.Readings(chunk) : chunk.Range.From < due ? CountBefore(chunk, due) : 0;
                if (more == 0 || readings + more > store._options.SharedReadings || few.Count == MostMerged)
                {
                    break;
                }

                few.Add(chunk);
                readings += more;
            }

            return few;
        }

        /// <summary>Puts chunks together; what the last one holds that is not due goes into one of its own.</summary>
        private void Merge(List<Chunk> few, Instant due)
        {
            var (first, last) = (few[0], few[^1]);
            var end = IsClosed(last, due) ? last.Range.To : due;
            var before = few.ToDictionary(c => c.Id, c => StoredBytes(store._session, c));
            var bytesBefore = few.Sum(c => c.Compressed ? c.BytesBefore : before[c.Id]);
            var merged = new Chunk(
                store._nextChunk++,
                new TimeRange(first.Range.From, end),
                Compressed: true,
                bytesBefore,
                HasMap: few.Exists(c => c.HasMap));
            List<Chunk> into = [merged];
            if (end < last.Range.To && CountBefore(last, due) < Count(store._session, last))
            {
                into.Add(new Chunk(store._nextChunk++, last.Range with { From = end }, Compressed: false, BytesBefore: 0, last.HasMap));
            }

            store.Transaction(state => (store.Rearrange(state, few, into), true));
            _compressed.RemoveAll(before.ContainsKey);
            Note(merged, before.Values.Sum());

            // When there were too many to take them all, the next step goes on with what these have become.
            _position = few.Count == MostMerged ? merged.Range.From : merged.Range.To;
        }

        private void PutInOrder(Chunk chunk, bool closed)
        {
            var before = StoredBytes(store._session, chunk);
            var ordered = chunk with { Id = store._nextChunk++, Compressed = closed, BytesBefore = closed ? before : 0 };
            store.Transaction(state =>
            {
                store.Create(state.Metrics, ordered);
                CopyInOrder(state.Metrics, chunk, ordered);
                store.Drop(chunk);
                return (state.Without([chunk]).With(ordered), true);
            });
            Note(ordered, before);
        }

        /// <summary>Copies by one appender: DuckDB's own INSERT in parallel leaves a third of its blocks empty.</summary>
        private void CopyInOrder(MetricCatalog metrics, Chunk from, Chunk to)
        {
            var source = store.RentSession();
            try
            {
                using var appender = new ColumnAppender(
                    store._session, "store", "internal", $"chunk_{to.Id}", metrics.Columns.Count, to.HasMap);
                appender.AppendFrom(source, $"FROM {from.Table} ORDER BY sensor, minute, micros");
                appender.Complete();
            }
            finally
            {
                store.ReturnSession(source);
            }
        }

        private void Note(Chunk rewritten, long bytesBefore)
        {
            if (rewritten.Compressed)
            {
                _compressed.Add(rewritten.Id);
                _bytesBefore += bytesBefore;
            }

            _unsaved += store.Readings(rewritten);
            if (_unsaved >= ReadingsPerCheckpoint)
            {
                store.Checkpoint(always: true);
                _unsaved = 0;
            }
        }

        private static bool IsClosed(Chunk chunk, Instant due) => chunk.Compressed || chunk.Range.To <= due;

        private long CountBefore(Chunk chunk, Instant due) => Count(store._session, chunk, new TimeRange(Instant.MinValue, due));
    }
}
