using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    /// <remarks>What listeners are told of.</remarks>
    private sealed partial class WriteTransaction
    {
        // Beyond so many sensors a commit says of all together from when to when it has readings.
        private const int MostCommitSensors = 10_000;

        private bool _isNoted;

        /// <summary>Notes what the transaction wrote.</summary>
        private void AddCommit(NpgsqlBatch batch, List<int> changed)
        {
            var note = new CommitNote(MostCommitSensors);
            for (var start = 0; start < changed.Count;)
            {
                var (key, end) = (_rows.KeyOf(changed[start]), start + 1);
                while (end < changed.Count && _rows.KeyOf(changed[end]) == key)
                {
                    end++;
                }

                note.Add(key, _rows.TimeOf(changed[start]).Micros, _rows.TimeOf(changed[end - 1]).Micros, end - start);
                start = end;
            }

            _isNoted = !note.IsEmpty;
            if (_isNoted)
            {
                var entries = note.Entries.ToList();
                batch.BatchCommands.Add(new NpgsqlBatchCommand(
                    "INSERT INTO tidemark.commits (sensor_ids, first, last, readings) VALUES ($1, $2, $3, $4) RETURNING xid::text")
                {
                    Parameters =
                    {
                        Texts([.. entries.Select(e => e.Sensor == CommitNote.Many ? null! : _rows.SensorIds[e.Sensor])]),
                        new NpgsqlParameter<long[]> { TypedValue = [.. entries.Select(e => e.First)] },
                        new NpgsqlParameter<long[]> { TypedValue = [.. entries.Select(e => e.Last)] },
                        new NpgsqlParameter<long[]> { TypedValue = [.. entries.Select(e => e.Readings)] },
                    },
                });
            }
        }

        /// <summary>Commits, and wakes who listens: other processes by a notification, which a transaction of its own sends without
        /// waiting for the disk.</summary>
        private async Task PublishAsync(NpgsqlBatch batch, List<int> changed, CancellationToken cancellationToken)
        {
            if (_isNoted && store._listens)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand($"SELECT pg_notify('{Channel}', '{store._process}')"));
            }

            if (_isNoted && store.ForgetCommits() is { } forget)
            {
                batch.BatchCommands.Add(forget);
            }

            var transaction = "";
            await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
            {
                do
                {
                    while (await reader.ReadAsync(cancellationToken))
                    {
                        transaction = transaction.Length == 0 ? reader.GetString(0) : transaction;
                    }
                }
                while (await reader.NextResultAsync(cancellationToken));
            }

            if (_isNoted && store._feed.HasListeners)
            {
                store.Publish(transaction, MayHaveOtherValues ? null : [.. Changed(changed)]);
            }
        }

        /// <summary>Whether a reading that was merged has values of metrics that no batch brings: they were not looked up.</summary>
        private bool MayHaveOtherValues => IsMerge && _stored.Count > 0;

        /// <summary>What was written, as batches of their own.</summary>
        private IEnumerable<ReadingBatch> Changed(List<int> changed)
        {
            for (var start = 0; start < changed.Count;)
            {
                var (of, _) = _rows.Locate(changed[start]);
                var places = new List<int>();
                for (; start < changed.Count && _rows.Locate(changed[start]) is var (batch, place) && batch == of; start++)
                {
                    places.Add(place);
                }

                yield return of.Take(places);
            }
        }
    }
}
