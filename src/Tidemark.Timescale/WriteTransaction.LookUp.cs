using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private sealed partial class WriteTransaction
    {
        /// <summary>Finds the stored values of readings that are not newer than their sensor's last.</summary>
        private async Task LookUpAsync(NpgsqlConnection connection, bool copy, CancellationToken cancellationToken)
        {
            _stored.Clear();
            var known = _rows.Runs.Where(run => _rows.Time(run) <= _latest[_rows.Key(run)]).ToList();
            if (copy && known.Count >= RowsPerProbe)
            {
                var occupied = await ProbeAsync(connection, known, cancellationToken);
                known.RemoveAll(run => !occupied.Contains(_rows.Key(run)));
            }

            if (known.Count == 0)
            {
                return;
            }

            StoredMetric[] metrics = [.. _metrics, .. _others];
            var columns = TimescaleSql.AfterCommas(metrics.Select(m => $"d.{Identifier.Quote(m.Name)}"));
            await using var batch = new NpgsqlBatch(connection);
            foreach (var chunk in known.GroupBy(run => store.ChunkStart(_rows.Time(run))))
            {
                var (runs, times) = (chunk.ToArray(), chunk.Select(_rows.Time).ToArray());
                batch.BatchCommands.Add(new NpgsqlBatchCommand(
                    $"""
                    SELECT i.run{columns}
                    FROM unnest($1, $2, $3) i (sensor_id, time, run) JOIN {TimescaleSql.Raw} d ON d.sensor_id = i.sensor_id
                        AND d.time = i.time
                    WHERE d.time >= $4 AND d.time <= $5
                    """)
                {
                    Parameters =
                    {
                        Texts([.. runs.Select(run => _rows.SensorIds[_rows.Key(run)])]), Times([.. times.Select(t => t.ToPostgres())]),
                        new NpgsqlParameter<int[]> { TypedValue = runs }, Time(times.Min()), Time(times.Max()),
                    },
                });
            }

            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            do
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    var values = new double[metrics.Length];
                    reader.GetDoubles(1, values);
                    _stored.Add(reader.GetInt32(0), values);
                }
            }
            while (await reader.NextResultAsync(cancellationToken));
        }

        /// <summary>The sensors that have anything stored between the first and the last of the readings given.</summary>
        private async Task<HashSet<int>> ProbeAsync(NpgsqlConnection connection, List<int> known, CancellationToken cancellationToken)
        {
            var sensors = known.GroupBy(_rows.Key).Select(g => (Key: g.Key, First: g.Min(_rows.Time), Last: g.Max(_rows.Time))).ToList();
            await using var command = new NpgsqlCommand(
                $"""
                SELECT i.key FROM unnest($1, $2, $3, $4) i (sensor_id, first, last, key)
                WHERE EXISTS (SELECT FROM {TimescaleSql.Raw} d WHERE d.sensor_id = i.sensor_id AND d.time >= i.first AND d.time <= i.last
                    AND d.time >= $5 AND d.time <= $6)
                """,
                connection)
            {
                Parameters =
                {
                    Texts([.. sensors.Select(s => _rows.SensorIds[s.Key])]),
                    Times([.. sensors.Select(s => s.First.ToPostgres())]),
                    Times([.. sensors.Select(s => s.Last.ToPostgres())]),
                    new NpgsqlParameter<int[]> { TypedValue = [.. sensors.Select(s => s.Key)] },
                    Time(sensors.Min(s => s.First)),
                    Time(sensors.Max(s => s.Last)),
                },
            };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var occupied = new HashSet<int>();
            while (await reader.ReadAsync(cancellationToken))
            {
                occupied.Add(reader.GetInt32(0));
            }

            return occupied;
        }
    }
}
