using System.Runtime.CompilerServices;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private const int BatchRows = 8192;
    private const int CurrentRows = 4096;

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
                Add(batch, parts.ToBatchCommand(
                    $"SELECT time, metrics, coalesce(sent, '{{}}'), {MetricsVersion} FROM tidemark.sensors "
                        + $"WHERE sensor_id = {parts.Sensor(sensorId)}"));
                await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
                if (!await reader.ReadAsync(cancellationToken))
                {
                    throw StoreException.UnknownSensor(sensorId);
                }

                var (time, stored) = (reader.GetInstant(0), reader.GetFieldValue<double?[]>(1));
                var (sent, version) = (reader.GetFieldValue<short[]>(2), reader.GetInt64(3));
                await reader.DisposeAsync();
                var metrics = (await CatalogOfAsync(connection, version, cancellationToken)).Metrics.AnswerOf(sent);
                var current = new ReadingBatch([.. metrics.Select(m => m.Name)], 1);
                current.Add(sensorId, time, [.. metrics.Select(m => stored.ElementAtOrDefault(m.Position) ?? double.NaN)]);
                return current;
            },
            cancellationToken);
    }

    public async IAsyncEnumerable<ReadingBatch> ReadAllCurrentAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        // Positions are never used again, so that the first page's metrics are right for all.
        IReadOnlyList<StoredMetric>? metrics = null;
        for (var (last, count) = ("", CurrentRows); count == CurrentRows;)
        {
            var page = await _database.RunAsync(
                async connection =>
                {
                    var (rows, version) = await ReadCurrentPageAsync(connection, last, cancellationToken);
                    metrics ??= (await CatalogOfAsync(connection, version, cancellationToken)).Metrics.All;
                    return rows;
                },
                cancellationToken);
            count = page.Count;
            if (count == 0)
            {
                yield break;
            }

            var batch = new ReadingBatch([.. metrics!.Select(m => m.Name)], count);
            foreach (var (id, time, stored) in page)
            {
                batch.Add(id, time, [.. metrics!.Select(m => stored.ElementAtOrDefault(m.Position) ?? double.NaN)]);
            }

            last = page[^1].Id;
            yield return batch;
        }
    }

    private static async Task<(IReadOnlyList<(string Id, Instant Time, double?[] Stored)> Rows, long Version)> ReadCurrentPageAsync(
        NpgsqlConnection connection, string after, CancellationToken cancellationToken)
    {
        var parts = new SqlParts();
        await using var batch = new NpgsqlBatch(connection);
        Add(
            batch,
            new NpgsqlBatchCommand($"SELECT {MetricsVersion}"),
            parts.ToBatchCommand($"SELECT sensor_id, time, metrics FROM tidemark.sensors WHERE sensor_id > {parts.Sensor(after)} "
                + $"ORDER BY sensor_id LIMIT {CurrentRows}"));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var version = reader.GetInt64(0);
        await reader.NextResultAsync(cancellationToken);
        var rows = new List<(string, Instant, double?[])>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add((reader.GetString(0), reader.GetInstant(1), reader.GetFieldValue<double?[]>(2)));
        }

        return (rows, version);
    }

    public IAsyncEnumerable<ReadingBatch> ReadRawAsync(RawQuery query, CancellationToken cancellationToken)
        => ReadRawAsync(query, standby: true, cancellationToken);

    private async IAsyncEnumerable<ReadingBatch> ReadRawAsync(
        RawQuery query,
        bool standby,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        await using var read = await _database.OpenAsync(
            standby,
            connection => OpenRawAsync(connection, query, cancellationToken),
            cancellationToken);
        var sql = read.Sql;
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
        var aggregate = Schema.Aggregate(query.Aggregate);
        var read = await OpenAggregateAsync(
            query,
            query.FromRaw,
            (sql, parts, state) => sql.Select(parts, state, aggregate, query, _options.RealTime),
            cancellationToken);
        var columns = read.Sql.Columns(aggregate, query.Partials);
        var state = read.State.Aggregate(aggregate);
        return new AggregateReader(
            state.Watermark,
            read.Pending,
            columns,
            Rows(read, columns.Count, query.SensorId),
            read.DisposeAsync)
        {
            Horizon = query.FromRaw ? read.State.RawHorizon : state.Horizon,
        };
    }

    public async IAsyncEnumerable<FleetPoint> ReadFleetAsync(
        FleetQuery query,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        var aggregate = Schema.Aggregate(query.Aggregate);
        await using var read = await OpenAggregateAsync(
            new AggregateQuery(query.Aggregate, null, query.Range) { Metrics = [query.Metric] },
            alone: true,
            (sql, parts, state) => sql.SelectFleet(parts, state, aggregate, query.Metric, query.Range, query.FromRaw, _options.RealTime),
            cancellationToken);
        var points = new List<FleetPoint>();
        while (await read.FillAsync(reader => points.Add(
            new FleetPoint(reader.GetInstant(0), reader.IsDBNull(1) ? null : reader.GetDouble(1), reader.GetInt64(2)))))
        {
            foreach (var point in points)
            {
                yield return point;
            }

            points.Clear();
        }
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
