using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private sealed partial class WriteTransaction
    {
        private async Task CommitAsync(NpgsqlConnection connection, List<int> changed, CancellationToken cancellationToken)
        {
            await using var batch = new NpgsqlBatch(connection);
            var latest = changed.Where((row, i) => i + 1 == changed.Count || _rows.KeyOf(changed[i + 1]) != _rows.KeyOf(row))
                .Where(row => _rows.TimeOf(row) >= _latest[_rows.KeyOf(row)]).ToArray();
            if (latest.Length > 0)
            {
                batch.BatchCommands.Add(NoteLatest(latest));
            }

            AddSent(batch, changed);
            var unseen = _metrics.Where((m, place) => !m.IsSeen && _rows.HasValues(place)).ToList();
            if (unseen.Count > 0)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand(
                    "UPDATE tidemark.metrics SET first_seen = $1 WHERE position = ANY ($2) AND first_seen IS NULL")
                {
                    Parameters = { Time(store.Now), new NpgsqlParameter<short[]> { TypedValue = [.. unseen.Select(m => m.Position)] } },
                });
            }

            var invalid = Invalid(changed);
            if (invalid.Count > 0)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand(
                    "INSERT INTO tidemark.invalidations (aggregate, sensor_id, bucket) SELECT * FROM unnest($1, $2, $3)")
                {
                    Parameters =
                    {
                        Texts([.. invalid.Select(i => i.Aggregate)]), Texts([.. invalid.Select(i => _rows.SensorIds[i
                            .Key])]), Times([.. invalid.Select(i => i.Bucket.ToPostgres())]),
                    },
                });
            }

            AddCommit(batch, changed);
            batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
            await PublishAsync(batch, changed, cancellationToken);
            unseen.ForEach(m => m.IsSeen = true);
        }

        /// <summary>Notes the metrics that sensors send for the first time.</summary>
        private void AddSent(NpgsqlBatch batch, List<int> changed)
        {
            var added = new HashSet<(int Key, int Metric)>();
            var (lastKey, missing) = (-1, new List<int>());
            foreach (var row in changed)
            {
                if (_rows.KeyOf(row) is var key && key != lastKey)
                {
                    (lastKey, missing) = (key, [.. Enumerable.Range(0, _metrics.Length).Where(
                        m => !_sent[key].Contains(_metrics[m].Position) && !added.Contains((key, m)))]);
                }

                for (var i = missing.Count - 1; i >= 0; i--)
                {
                    var (of, place) = _rows.Locate(row);
                    if (!double.IsNaN(of.Metric(missing[i])[place]))
                    {
                        added.Add((key, missing[i]));
                        missing.RemoveAt(i);
                    }
                }
            }

            if (added.Count > 0)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand("""
                    UPDATE tidemark.sensors l SET sent = ARRAY(SELECT unnest(l.sent) UNION SELECT unnest(n.added) ORDER BY 1)
                    FROM (SELECT s, array_agg(p) AS added FROM unnest($1, $2) u (s, p) GROUP BY s) n WHERE l.sensor_id = n.s COLLATE "C"
                    """)
                {
                    Parameters =
                    {
                        Texts([.. added.Select(a => _rows.SensorIds[a.Key])]),
                        new NpgsqlParameter<short[]> { TypedValue = [.. added.Select(a => _metrics[a.Metric].Position)] },
                    },
                });
            }
        }

        private const string AddedToLast = """
            CASE WHEN excluded.time > l.time THEN excluded.metrics ELSE ARRAY(
                SELECT coalesce(added, stored)
                FROM unnest(excluded.metrics, l.metrics) WITH ORDINALITY m (added, stored, place) ORDER BY place)
            END
            """;

        private NpgsqlBatchCommand NoteLatest(int[] rows)
        {
            var byPosition = Enumerable.Repeat("NULL", _metrics.Length == 0 ? 0 : 1 + _metrics.Max(m => m.Position)).ToArray();
            foreach (var (m, metric) in _metrics.Index())
            {
                byPosition[metric.Position] = $"nullif(m{m}, 'NaN')";
            }

            var command = new NpgsqlBatchCommand($"""
                INSERT INTO tidemark.sensors AS l (sensor_id, time, metrics)
                SELECT s, t, ARRAY[{string.Join(", ", byPosition)}]::double precision[] FROM {Unnest}
                ON CONFLICT (sensor_id) DO UPDATE SET time = excluded.time, metrics = {(IsMerge ? AddedToLast : "excluded.metrics")}
                WHERE excluded.time >= l.time
                """);
            command.Parameters.AddRange(Values(rows).ToArray());
            return command;
        }

        /// <summary>The buckets that are, or may just be, materialised without what is written here.</summary>
        private HashSet<(string Aggregate, int Key, Instant Bucket)> Invalid(List<int> changed)
        {
            var invalid = new HashSet<(string, int, Instant Bucket)>();
            foreach (var aggregate in store._kept.BuiltFrom(null))
            {
                var (late, frozen) = (store.LateBefore(_state, aggregate), _state.FrozenBefore(aggregate));
                foreach (var row in changed)
                {
                    var time = _rows.TimeOf(row);
                    if (time < late && aggregate.Bucket.Floor(time) is var bucket && bucket >= frozen)
                    {
                        invalid.Add((aggregate.Name, _rows.KeyOf(row), bucket));
                    }
                }
            }

            if (invalid.Count > 0)
            {
                var (_, key, bucket) = invalid.First();
                invalid.Add((Signature, key, bucket));
            }

            return invalid;
        }
    }
}
