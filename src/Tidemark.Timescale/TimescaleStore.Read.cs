using System.Runtime.CompilerServices;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private const int BatchRows = 8192;

    // What the finest aggregate had materialised when it was last counted: only what came since is counted again.
    private MaterialisedTotals? _totals;

    private sealed record MaterialisedTotals(Instant Until, long Rewrites, IReadOnlyDictionary<string, long> BySensor);

    public Task<Instant?> ReadRawHorizonAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync(async connection => (await LoadStateAsync(connection, cancellationToken)).RawHorizon, cancellationToken);
    }

    public Task<ReadingBatch> ReadCurrentAsync(string sensorId, CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync(
            async connection =>
            {
                var parts = new SqlParts();
                await using var batch = new NpgsqlBatch(connection);
                batch.BatchCommands
                    .Add(parts.ToBatchCommand($"SELECT time, metrics FROM tidemark.sensors WHERE sensor_id = {parts.Sensor(sensorId)}"));
                await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
                if (!await reader.ReadAsync(cancellationToken))
                {
                    throw StoreException.UnknownSensor(sensorId);
                }

                var current = new ReadingBatch(Schema.MetricNames, 1);
                current.Add(sensorId, reader.GetInstant(0), InSchemaOrder(reader.GetFieldValue<double?[]>(1)));
                return current;
            },
            cancellationToken);
    }

    public Task<IReadOnlyList<SensorInfo>> ListSensorsAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync<IReadOnlyList<SensorInfo>>(
            async connection =>
            {
                while (true)
                {
                    var (made, known) = (_state!, Volatile.Read(ref _totals));
                    var finest = made.Aggregate(Schema.Finest);
                    if (known is not null && (known.Rewrites != finest.Rewrites || known.Until > finest.Watermark))
                    {
                        known = null;
                    }

                    var parts = new SqlParts(made);
                    await using var batch = Snapshot(connection);
                    Add(
                        batch, new NpgsqlBatchCommand(StateSql),
                        parts.ToBatchCommand(_sql.Sensors(parts, made, known?.Until
                            ?? Instant.MinValue)), new NpgsqlBatchCommand("COMMIT"));
                    await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
                    var state = await ReadStateAsync(reader, cancellationToken);
                    await reader.NextResultAsync(cancellationToken);
                    if (state.HasWatermarksOf(made) && state.Aggregate(Schema.Finest).Rewrites == finest.Rewrites)
                    {
                        return await ReadSensorsAsync(reader, finest, known, cancellationToken);
                    }
                }
            },
            cancellationToken);
    }

    private async Task<IReadOnlyList<SensorInfo>> ReadSensorsAsync(
        NpgsqlDataReader reader,
        AggregateState finest,
        MaterialisedTotals? known,
        CancellationToken cancellationToken)
    {
        var sensors = new List<SensorInfo>();
        var totals = new Dictionary<string, long>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetString(0);
            totals[id] = reader.GetInt64(2) + (known?.BySensor.GetValueOrDefault(id) ?? 0);
            sensors.Add(new SensorInfo(id, reader.GetInstant(1), totals[id] + reader.GetInt64(3)));
        }

        Volatile.Write(ref _totals, new MaterialisedTotals(finest.Watermark ?? Instant.MinValue, finest.Rewrites, totals));
        sensors.Sort((a, b) => string.CompareOrdinal(a.SensorId, b.SensorId));
        return sensors;
    }

    public async IAsyncEnumerable<ReadingBatch> ReadRawAsync(
        RawQuery query,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        var sql = _sql.Of(query.Metrics);
        await using var read = await _database.OpenAsync(
            standby: true,
            connection => OpenRawAsync(connection, sql, query.SensorId, query.Range, cancellationToken),
            cancellationToken);
        var values = new double[sql.MetricCount];
        var ids = new IdCache(query.SensorId);
        var first = query.SensorId is null ? 2 : 1;
        while (true)
        {
            var batch = new ReadingBatch(sql.MetricNames);
            if (!await read.FillAsync(reader =>
                {
                    reader.GetDoubles(first, values);
                    batch.Add(ids.Get(reader, 1), reader.GetInstant(0), values);
                }))
            {
                yield break;
            }

            yield return batch;
        }
    }

    public async Task<AggregateReader> ReadAggregateAsync(AggregateQuery query, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var (aggregate, sql) = (Schema.Aggregate(query.Aggregate), _sql.Of(query.Metrics));
        var read = await OpenAggregateAsync(
            aggregate, query.SensorId, query.Range, query.FromRaw,
            (parts, state) => sql.Select(parts, state, aggregate, query.Range, query.SensorId, query.FromRaw, _options.RealTime),
            cancellationToken);
        return new AggregateReader(
            read.State.Aggregate(aggregate).Watermark,
            read.Pending,
            sql.Columns(aggregate),
            Rows(read, sql.Columns(aggregate).Count, query.SensorId),
            read.DisposeAsync);
    }

    public async Task<IReadOnlyList<FleetPoint>> ReadFleetAsync(FleetQuery query, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var aggregate = Schema.Aggregate(query.Aggregate);
        if (Schema.MetricIndex(query.Metric) < 0)
        {
            throw StoreException.UnknownMetric(query.Metric, Schema);
        }

        await using var read = await OpenAggregateAsync(
            aggregate, null, query.Range, fromRaw: true,
            (parts, state) => _sql.SelectFleet(parts, state, aggregate, query.Metric, query.Range, query.FromRaw, _options.RealTime),
            cancellationToken);
        var points = new List<FleetPoint>();
        while (await read.FillAsync(reader => points.Add(
            new FleetPoint(reader.GetInstant(0), reader.IsDBNull(1) ? null : reader.GetDouble(1), reader.GetInt64(2)))))
        {
        }

        return points;
    }

    private static async IAsyncEnumerable<AggregateBatch> Rows(OpenRead read, int columns, string? sensorId)
    {
        var ids = new IdCache(sensorId);
        while (true)
        {
            var batch = new AggregateBatch(columns, 256);
            if (!await read.FillAsync(reader =>
                {
                    var row = batch.Add(reader.GetInstant(0), ids.Get(reader, 1), reader.GetInt64(2));
                    for (var column = 0; column < columns; column++)
                    {
                        batch.Set(row, column, reader.GetDoubleOrNaN(3 + column));
                    }
                }))
            {
                yield break;
            }

            yield return batch;
        }
    }

    private async Task<OpenRead> OpenRawAsync(
        NpgsqlConnection connection,
        TimescaleSql sql,
        string? sensorId,
        TimeRange range,
        CancellationToken cancellationToken)
    {
        var (facts, parts) = (new SqlParts(), new SqlParts());
        var batch = new NpgsqlBatch(connection);
        Add(batch, facts.ToBatchCommand($"SELECT {IsKnown(facts, sensorId)}, {_database.IsBehind(facts)}"));
        Add(batch, parts.ToBatchCommand(sensorId is null
            ? $"SELECT time, sensor_id, {sql.MetricColumns} FROM {TimescaleSql.Raw} WHERE {TimescaleSql.Within(parts, "time", range)}"
            : $"SELECT time, {sql.MetricColumns} FROM {TimescaleSql.Raw} WHERE sensor_id = {parts.Sensor(sensorId)} AND "
                + $"{TimescaleSql.Within(parts, "time", range)} ORDER BY time"));
        var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        await RequireAsync(reader, known: reader.GetBoolean(0), behind: reader.GetBoolean(1), sensorId);
        await reader.NextResultAsync(cancellationToken);
        return new OpenRead(this, batch, reader, cancellationToken);
    }

    private static async Task RequireAsync(NpgsqlDataReader reader, bool known, bool behind, string? sensorId)
    {
        if (behind || !known)
        {
            await reader.DisposeAsync();
            throw behind ? new StandbyBehindException() : StoreException.UnknownSensor(sensorId!);
        }
    }

    /// <summary>
    /// Opens rows whose statement depends on watermarks: it is made with those last seen, and made again when the snapshot, which answers
    /// with its own, has others.
    /// </summary>
    private Task<OpenRead> OpenAggregateAsync(
        AggregateDefinition aggregate, string? sensorId, TimeRange range, bool fromRaw, Func<SqlParts, StoreState, string> sql,
        CancellationToken cancellationToken)
        => _database.OpenAsync(
            standby: true,
            async connection =>
            {
                while (true)
                {
                    var made = _state!;
                    var (facts, parts) = (new SqlParts(), new SqlParts(made));
                    var batch = Snapshot(connection);
                    Add(
                        batch,
                        new NpgsqlBatchCommand(StateSql),
                        facts.ToBatchCommand(Facts(facts, made, aggregate, sensorId, range, fromRaw)));
                    Add(batch, parts.ToBatchCommand(sql(parts, made)), new NpgsqlBatchCommand("COMMIT"));
                    var reader = await batch.ExecuteReaderAsync(cancellationToken);
                    var state = await ReadStateAsync(reader, cancellationToken);
                    await reader.NextResultAsync(cancellationToken);
                    await reader.ReadAsync(cancellationToken);
                    var pending = reader.GetBoolean(1);
                    await RequireAsync(reader, known: reader.GetBoolean(0), behind: reader.GetBoolean(2), sensorId);
                    if (state.HasWatermarksOf(made))
                    {
                        await reader.NextResultAsync(cancellationToken);
                        return new OpenRead(this, batch, reader, cancellationToken) { State = state, Pending = pending };
                    }

                    await reader.DisposeAsync();
                }
            },
            cancellationToken);

    private static string IsKnown(SqlParts parts, string? sensorId)
        => sensorId is null ? "true" : $"EXISTS (SELECT FROM tidemark.sensors WHERE sensor_id = {parts.Sensor(sensorId)})";

    /// <summary>
    /// Whether the sensor is known, whether a late write below a watermark touched what the answer is made of, and whether it comes from a
    /// standby that is behind.
    /// </summary>
    private string Facts(SqlParts parts, StoreState state, AggregateDefinition aggregate, string? sensorId, TimeRange range, bool fromRaw)
    {
        var known = IsKnown(parts, sensorId);
        if (fromRaw)
        {
            return $"SELECT {known}, false, {_database.IsBehind(parts)}";
        }

        var buckets = new TimeRange(aggregate.Bucket.Ceiling(range.From), aggregate.Bucket.Ceiling(range.To));
        var ofSensor = sensorId is null ? "" : $" AND sensor_id = {parts.Sensor(sensorId)}";
        var noted = $"EXISTS (SELECT FROM tidemark.pending WHERE aggregate = ANY ({parts.Add(Chain(aggregate))}) AND "
            + $"{TimescaleSql.Within(parts, "bucket", buckets)}{ofSensor})";
        return $"SELECT {known}, {noted} OR {IsChangedBySql(parts, state, Schema.Aggregate(Chain(aggregate)[0]), buckets)}, "
            + $"{_database.IsBehind(parts)}";
    }

    /// <summary>A batch whose statements see one snapshot, in one round trip.</summary>
    private static NpgsqlBatch Snapshot(NpgsqlConnection connection)
    {
        var batch = new NpgsqlBatch(connection);
        Add(batch, new NpgsqlBatchCommand("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
        return batch;
    }

    private static void Add(NpgsqlBatch batch, params ReadOnlySpan<NpgsqlBatchCommand> commands)
    {
        foreach (var command in commands)
        {
            batch.BatchCommands.Add(command);
        }
    }

    private double[] InSchemaOrder(double?[] stored)
    {
        var values = new double[Schema.Metrics.Count];
        Array.Fill(values, double.NaN);
        for (var i = 0; i < Math.Min(stored.Length, _metricOrder.Length); i++)
        {
            values[_metricOrder[i]] = stored[i] ?? double.NaN;
        }

        return values;
    }

    /// <summary>Rows of one sensor come in runs mostly: its id is made once for each.</summary>
    private sealed class IdCache(string? only)
    {
        private string _last = "";

        public string Get(NpgsqlDataReader reader, int column)
        {
            if (only is not null)
            {
                return only;
            }

            var id = reader.GetString(column);
            return _last = id == _last ? _last : id;
        }
    }
}
