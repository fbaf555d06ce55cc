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
    /// <param name="store">Where to.</param>
    /// <param name="names">The metrics of all batches.</param>
    /// <param name="batches">What is written.</param>
    /// <param name="sorted">The rows of it.</param>
    private sealed partial class WriteTransaction(
        TimescaleStore store,
        IReadOnlyList<string> names,
        IReadOnlyList<ReadingBatch> batches,
        SortedRows sorted)
    {
        // From so many readings on COPY is faster than arrays.
        private const int CopyFrom = 2000;
        private const int RowsPerInsert = 20_000;
        private const int RowsPerProbe = 1000;

        private IReadOnlyList<int>[] _refused = [];
        private SortedRows _rows = null!;
        private IReadOnlyList<string> _names = [];
        private readonly Dictionary<int, double[]> _stored = [];
        private StoreState _state = null!;

        // By sensor its last reading, and the positions of what it ever sent.
        private Instant[] _latest = [];
        private short[][] _sent = [];

        // Those of the batches, and others that a reading which is replaced may have.
        private StoredMetric[] _metrics = [];
        private StoredMetric[] _others = [];

        /// <summary>Whether readings add to those that are stored. They get a copy of what is stored, for one attempt.</summary>
        private bool IsMerge => batches[0].Mode is WriteMode.Merge && !store._options.AppendOnly;

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
            (_names, _rows, _refused) = (names, IsMerge ? new SortedRows([.. batches.Select(b => b.Copy())]) : sorted, []);
            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(new NpgsqlBatchCommand("BEGIN"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SELECT pg_advisory_xact_lock_shared({WriteFence})"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(store.StateSql));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(
                "SELECT sensor_id, time, sent FROM tidemark.sensors WHERE sensor_id = ANY ($1) ORDER BY sensor_id FOR UPDATE")
            {
                Parameters = { Texts(_rows.SensorIds) },
            });
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            _state = await store.ReadStateAsync(reader, cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            _latest = new Instant[_rows.SensorIds.Length];
            _sent = new short[_rows.SensorIds.Length][];
            var found = await ReadLatestAsync(reader, cancellationToken);
            await reader.DisposeAsync();
            var catalog = await store.CatalogOfAsync(connection, _state.Metrics, cancellationToken);
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

            FindMetrics(catalog.Metrics);
        }

        /// <summary>
        /// Finds which columns the readings touch. What SQL wrote may not be noted as sent yet: configured metrics are among them always.
        /// </summary>
        private void FindMetrics(MetricCatalog catalog)
        {
            _metrics = [.. _names.Select(name => catalog.Find(name) ?? throw new MetricGoneException())];
            if (IsMerge)
            {
                return;
            }

            var others = catalog.All.Where(m => m.Metric.IsConfigured).Select(m => m.Position).ToHashSet();
            foreach (var sent in _sent)
            {
                others.UnionWith(sent);
            }

            others.ExceptWith(_metrics.Select(m => m.Position));
            _others = [.. others.Order().Select(position => catalog.ByPosition[position]).OfType<StoredMetric>()];
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
                    INSERT INTO tidemark.sensors (sensor_id, time, metrics, sent)
                    SELECT id, '-infinity', '{}', '{}' FROM (
                        SELECT id FROM unnest($1) WITH ORDINALITY u (id, place)
                        WHERE NOT EXISTS (SELECT FROM tidemark.sensors s WHERE s.sensor_id = u.id COLLATE "C")
                        ORDER BY place LIMIT greatest(0, {{store._options.MaxSensors}} - (SELECT count(*) FROM tidemark.sensors))) n
                    ORDER BY id COLLATE "C" ON CONFLICT DO NOTHING
                    """)
                {
                    Parameters = { Texts(ids) },
                },
                new NpgsqlBatchCommand(
                    "SELECT sensor_id, time, sent FROM tidemark.sensors WHERE sensor_id = ANY ($1) ORDER BY sensor_id FOR UPDATE")
                {
                    Parameters = { Texts(ids) },
                });
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            return await ReadLatestAsync(reader, cancellationToken);
        }

        /// <summary>Goes on with the rows of these sensors alone: a metric that only others bring was not added.</summary>
        private void TakeOutOthers(HashSet<string> sensors)
        {
            int[] Others(ReadingBatch batch)
                => [.. Enumerable.Range(0, batch.Count).Where(row => !sensors.Contains(batch.SensorIds[row]))];
            _refused = [.. batches.Select(Others)];
            var (all, latest, sent) = (_rows, _latest, _sent);
            ReadingBatch[] rest = [.. batches.Zip(_refused, (batch, rows) => batch.Without(rows))];
            _names = [.. names.Where((_, m) => rest.Any(batch => HasValues(batch, m)))];
            _rows = new SortedRows([.. rest.Select(batch => batch.Select(_names))]);
            _latest = [.. _rows.SensorIds.Select(id => latest[all.Key(id)])];
            _sent = [.. _rows.SensorIds.Select(id => sent[all.Key(id)])];
        }

        private async Task<HashSet<string>> ReadLatestAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
        {
            var found = new HashSet<string>(StringComparer.Ordinal);
            while (await reader.ReadAsync(cancellationToken))
            {
                found.Add(reader.GetString(0));
                var key = _rows.Key(reader.GetString(0));
                _latest[key] = reader.GetInstant(1);
                _sent[key] = reader.IsDBNull(2) ? [] : reader.GetFieldValue<short[]>(2);
            }

            return found;
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
