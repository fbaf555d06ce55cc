using Npgsql;
using NpgsqlTypes;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // Held shared by writes until they commit, taken alone by a refresh that announces what it materialises: so that
    // every write either is seen by the refresh or knows that it is late.
    private const long WriteFence = InitializeLock + 1;

    // Taken by a write with new sensors until it commits: their number is counted under it.
    private const long NewSensors = InitializeLock + 2;

    /// <summary>
    /// Writes batches in one transaction. Most readings are newer than all that their sensor has, and those can't meet a stored
    /// one; only the others are looked up. The row of each sensor is locked first, so that what was seen stays true.
    /// </summary>
    private sealed partial class WriteTransaction(TimescaleStore store, IReadOnlyList<ReadingBatch> batches, SortedRows sorted)
    {
        // From so many readings on COPY is faster than arrays.
        private const int CopyFrom = 2000;
        private const int RowsPerInsert = 20_000;
        private const int RowsPerProbe = 1000;

        private IReadOnlyList<int>[] _refused = [];
        private SortedRows _rows = null!;
        private readonly Dictionary<int, double[]> _stored = [];
        private StoreState _state = null!;
        private Instant[] _latest = [];

        public async Task<WriteResult[]> RunAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            var results = await WriteAsync(connection, cancellationToken);
            return _refused.Length == 0
                ? results
                : [.. results.Zip(_refused, (result, rows) => result.Refuse([.. rows.Select(RefusedReading.OfNewSensor)]))];
        }

        private async Task<WriteResult[]> WriteAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            if (store._options.AppendOnly)
            {
                return await AppendAsync(connection, cancellationToken);
            }

            try
            {
                return await WriteAsync(connection, store._copy, cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                // Somebody wrote the same readings by SQL, and the sensor's last reading doesn't tell.
                await ExecuteAsync(connection, "ROLLBACK", cancellationToken);
                return await WriteAsync(connection, copy: false, cancellationToken);
            }
        }

        /// <summary>
        /// 1. Lock the sensors and learn their last readings, watermarks and horizons. 2. Look up the readings that may exist already.
        /// 3. Tell new, replaced and unchanged. 4. Write what changes. 5. Note last readings and invalid buckets, and commit.
        /// </summary>
        private async Task<WriteResult[]> WriteAsync(NpgsqlConnection connection, bool copy, CancellationToken cancellationToken)
        {
            await BeginAsync(connection, cancellationToken);
            await LookUpAsync(connection, copy, cancellationToken);
            var (results, changed) = _rows.Fold(_stored);
            if (copy && _stored.Count == 0 && changed.Count >= CopyFrom)
            {
                await Task.Run(() => Copy(connection, changed), cancellationToken);
            }
            else
            {
                await UpsertAsync(connection, changed, cancellationToken);
            }

            await CommitAsync(connection, changed, cancellationToken);
            return results;
        }

        private async Task BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            (_rows, _refused) = (sorted, []);
            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(new NpgsqlBatchCommand("BEGIN"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SELECT pg_advisory_xact_lock_shared({WriteFence})"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(store.StateSql));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(
                "SELECT sensor_id, time FROM tidemark.sensors WHERE sensor_id = ANY ($1) ORDER BY sensor_id FOR UPDATE")
            {
                Parameters = { Texts(_rows.SensorIds) },
            });
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            _state = await store.ReadStateAsync(reader, cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            _latest = new Instant[_rows.SensorIds.Length];
            var found = await ReadLatestAsync(reader, cancellationToken);
            await reader.DisposeAsync();
            if (found.Count < _rows.SensorIds.Length)
            {
                found.UnionWith(await LockNewAsync(connection, [.. _rows.SensorIds.Where(id => !found.Contains(id))], cancellationToken));
            }

            if (found.Count < _rows.SensorIds.Length)
            {
                TakeOutOthers(found);
            }

            if (_rows.Earliest < _state.RawHorizon)
            {
                throw StoreException.OlderThanRetention(_rows.Earliest, _state.RawHorizon!.Value);
            }
        }

        /// <summary>
        /// Sensors without a row get one, before all time, to be locked by: of two that write a new sensor one waits. All processes add
        /// sensors one after the other, so that their number is exact.
        /// </summary>
        /// <returns>The sensors that have a row now: for the others there is no place.</returns>
        private async Task<HashSet<string>> LockNewAsync(NpgsqlConnection connection, string[] ids, CancellationToken cancellationToken)
        {
            await using var batch = new NpgsqlBatch(connection);
            Add(
                batch,
                new NpgsqlBatchCommand($"SELECT pg_advisory_xact_lock({NewSensors})"),
                new NpgsqlBatchCommand(
                    $$"""
                    INSERT INTO tidemark.sensors
                    SELECT id, '-infinity', '{}' FROM (
                        SELECT id FROM unnest($1) WITH ORDINALITY u (id, place)
                        WHERE NOT EXISTS (SELECT FROM tidemark.sensors s WHERE s.sensor_id = u.id COLLATE "C")
                        ORDER BY place LIMIT greatest(0, {{store._options.MaxSensors}} - (SELECT count(*) FROM tidemark.sensors))) n
                    ORDER BY id COLLATE "C" ON CONFLICT DO NOTHING
                    """)
                {
                    Parameters = { Texts(ids) },
                },
                new NpgsqlBatchCommand(
                    "SELECT sensor_id, time FROM tidemark.sensors WHERE sensor_id = ANY ($1) ORDER BY sensor_id FOR UPDATE")
                {
                    Parameters = { Texts(ids) },
                });
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            return await ReadLatestAsync(reader, cancellationToken);
        }

        /// <summary>Goes on with the rows of these sensors alone.</summary>
        private void TakeOutOthers(HashSet<string> sensors)
        {
            int[] Others(ReadingBatch batch)
                => [.. Enumerable.Range(0, batch.Count).Where(row => !sensors.Contains(batch.SensorIds[row]))];
            _refused = [.. batches.Select(Others)];
            var (all, latest) = (_rows, _latest);
            _rows = new SortedRows([.. batches.Zip(_refused, (batch, rows) => batch.Without(rows))]);
            _latest = [.. _rows.SensorIds.Select(id => latest[all.Key(id)])];
        }

        private async Task<HashSet<string>> ReadLatestAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
        {
            var found = new HashSet<string>(StringComparer.Ordinal);
            while (await reader.ReadAsync(cancellationToken))
            {
                found.Add(reader.GetString(0));
                _latest[_rows.Key(reader.GetString(0))] = reader.GetInstant(1);
            }

            return found;
        }

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

            await using var batch = new NpgsqlBatch(connection);
            foreach (var chunk in known.GroupBy(run => store.ChunkStart(_rows.Time(run))))
            {
                var (runs, times) = (chunk.ToArray(), chunk.Select(_rows.Time).ToArray());
                batch.BatchCommands.Add(new NpgsqlBatchCommand(
                    $"""
                    SELECT i.run, {string.Join(", ", store.Schema.Metrics.Select(m => $"d.{Identifier.Quote(m.Name)}"))}
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
                    var values = new double[store.Schema.Metrics.Count];
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

        /// <summary>Copies readings of which none is stored; one that is fails the whole.</summary>
        private void Copy(NpgsqlConnection connection, List<int> rows)
        {
            using var stream = connection.BeginRawBinaryCopy(
                $"COPY {TimescaleSql.Raw} (time, sensor_id, {store._sql.MetricColumns}) FROM STDIN (FORMAT BINARY)");
            var copy = new BinaryCopy(stream, store.Schema.Metrics.Count);
            copy.Begin();
            foreach (var row in rows)
            {
                var (batch, place) = _rows.Locate(row);
                copy.Add(batch, place);
            }

            copy.End();
        }

        private Task UpsertAsync(NpgsqlConnection connection, List<int> rows, CancellationToken cancellationToken)
        {
            var metrics = store.Schema.Metrics.Select(m => Identifier.Quote(m.Name));
            return InsertAsync(
                connection,
                rows,
                cancellationToken,
                $"ON CONFLICT (sensor_id, time) DO UPDATE SET {string.Join(", ", metrics.Select(m => $"{m} = excluded.{m}"))}");
        }

        private async Task InsertAsync(
            NpgsqlConnection connection,
            List<int> rows,
            CancellationToken cancellationToken,
            string onConflict = "")
        {
            var metrics = store.Schema.Metrics.Count;
            var sql = $"""
                INSERT INTO {TimescaleSql.Raw} (time, sensor_id, {store._sql.MetricColumns})
                SELECT t, s, {string.Join(", ", Enumerable.Range(0, metrics).Select(m => $"nullif(m{m}, 'NaN')"))} FROM {Unnest(metrics)}
                {onConflict}
                """;
            foreach (var slice in rows.Chunk(RowsPerInsert))
            {
                await using var command = new NpgsqlCommand(sql, connection);
                command.Parameters.AddRange(Columns(slice).ToArray());
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
        }

        private async Task CommitAsync(NpgsqlConnection connection, List<int> changed, CancellationToken cancellationToken)
        {
            await using var batch = new NpgsqlBatch(connection);
            var latest = changed.Where((row, i) => i + 1 == changed.Count || _rows.KeyOf(changed[i + 1]) != _rows.KeyOf(row))
                .Where(row => _rows.TimeOf(row) >= _latest[_rows.KeyOf(row)]).ToArray();
            if (latest.Length > 0)
            {
                batch.BatchCommands.Add(NoteLatest(latest));
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

            batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }

        private NpgsqlBatchCommand NoteLatest(int[] rows)
        {
            var stored = store._metricOrder.Select(m => $"nullif(m{m}, 'NaN')");
            var command = new NpgsqlBatchCommand($"""
                INSERT INTO tidemark.sensors AS l (sensor_id, time, metrics)
                SELECT s, t, ARRAY[{string.Join(", ", stored)}] FROM {Unnest(store._metricOrder.Length)}
                ON CONFLICT (sensor_id) DO UPDATE SET time = excluded.time, metrics = excluded.metrics WHERE excluded.time >= l.time
                """);
            command.Parameters.AddRange(Columns(rows).ToArray());
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

        private static string Unnest(int metrics)
            => $"unnest({string.Join(", ", Enumerable.Range(1, metrics + 2).Select(p => $"${p}"))}) r (t, s, "
                + $"{string.Join(", ", Enumerable.Range(0, metrics).Select(m => $"m{m}"))})";

        /// <summary>The columns of rows as arrays: times, sensors, then metrics with NaN for null.</summary>
        private IEnumerable<NpgsqlParameter> Columns(int[] rows)
        {
            yield return Times([.. rows.Select(row => _rows.TimeOf(row).ToPostgres())]);
            yield return Texts([.. rows.Select(row => _rows.SensorIds[_rows.KeyOf(row)])]);
            for (var m = 0; m < store.Schema.Metrics.Count; m++)
            {
                var values = new double[rows.Length];
                for (var i = 0; i < rows.Length; i++)
                {
                    var (batch, place) = _rows.Locate(rows[i]);
                    values[i] = batch.Metric(m)[place];
                }

                yield return new NpgsqlParameter<double[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Double, TypedValue = values };
            }
        }

        private static NpgsqlParameter Texts(string[] values)
            => new NpgsqlParameter<string[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = values };

        private static NpgsqlParameter Times(long[] values)
            => new NpgsqlParameter<long[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, TypedValue = values };

        private static NpgsqlParameter Time(Instant value)
            => new NpgsqlParameter<long> { NpgsqlDbType = NpgsqlDbType.TimestampTz, TypedValue = value.ToPostgres() };
    }

    /// <summary>
    /// Readings of the aggregate's sensors before it are noted as late. Refreshes by the database's own jobs announce nothing, so there
    /// every bucket that has closed counts.
    /// </summary>
    private Instant LateBefore(StoreState state, AggregateDefinition aggregate)
    {
        var late = state.LateBefore(aggregate);
        return _options.Maintenance is Configuration.MaintenanceOwner.Database
            ? Instant.Max(late, aggregate.Bucket.Floor(Now + TimeSpan.FromMinutes(1)))
            : late;
    }
}
