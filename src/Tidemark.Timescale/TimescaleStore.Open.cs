using System.Collections.Concurrent;
using Npgsql;

namespace Tidemark.Timescale;

/// <summary>
/// How a read opens: its statement is made with what was last seen of watermarks, metrics and what a sensor sent, and made again when the
/// snapshot, which answers with its own, has others.
/// </summary>
public sealed partial class TimescaleStore
{
    // What is known of more sensors is forgotten.
    private const int SensorsKnown = 100_000;

    private readonly ConcurrentDictionary<string, short[]> _sent = new(StringComparer.Ordinal);

    private async Task<OpenRead> OpenRawAsync(NpgsqlConnection connection, RawQuery query, CancellationToken cancellationToken)
    {
        var catalog = await KnowingAsync(connection, query.Metrics, query.SensorId, cancellationToken);
        while (true)
        {
            var sent = SentBy(query.SensorId);
            var sql = Select(catalog, sent, query.Metrics);
            var (facts, parts) = (new SqlParts(), new SqlParts());
            var batch = new NpgsqlBatch(connection);
            Add(
                batch,
                facts.ToBatchCommand($"SELECT {Sent(facts, query.SensorId)}, {_database.IsBehind(facts)}, {MetricsVersion}"),
                parts.ToBatchCommand(query.SensorId is { } sensorId
                    ? $"SELECT time{sql.MetricColumns} FROM {TimescaleSql.Raw} WHERE sensor_id = {parts.Sensor(sensorId)} AND "
                        + $"{TimescaleSql.Within(parts, "time", query.Range)} ORDER BY time"
                    : $"SELECT time, sensor_id{sql.MetricColumns} FROM {TimescaleSql.Raw} WHERE "
                        + $"{TimescaleSql.Within(parts, "time", query.Range)}"));
            var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            var found = await RequireAsync(reader, behind: reader.GetBoolean(1), query.SensorId);
            var version = reader.GetInt64(2);
            if (version == catalog.Metrics.Version && found.AsSpan().SequenceEqual(sent))
            {
                await reader.NextResultAsync(cancellationToken);
                return new OpenRead(this, batch, reader, cancellationToken) { Sql = sql };
            }

            await AbandonAsync(batch, reader);
            catalog = await NoteAsync(connection, query.SensorId, found, version, cancellationToken);
        }
    }

    private Task<OpenRead> OpenAggregateAsync(
        AggregateQuery query,
        bool alone,
        Func<TimescaleSql, SqlParts, StoreState, string> statement,
        CancellationToken cancellationToken)
        => _database.OpenAsync(
            standby: true,
            async connection =>
            {
                var aggregate = Schema.Aggregate(query.Aggregate);
                var catalog = await KnowingAsync(connection, query.Metrics, query.SensorId, cancellationToken);
                while (true)
                {
                    var (made, sent) = (_state!, SentBy(query.SensorId));
                    var sql = Select(catalog, sent, query.Metrics);
                    var (facts, parts) = (new SqlParts(), new SqlParts(made));
                    var batch = Snapshot(connection);
                    Add(
                        batch,
                        new NpgsqlBatchCommand(StateSql),
                        facts.ToBatchCommand(Facts(facts, made, aggregate, query, alone)),
                        parts.ToBatchCommand(statement(sql, parts, made)),
                        new NpgsqlBatchCommand("COMMIT"));
                    var reader = await batch.ExecuteReaderAsync(cancellationToken);
                    var state = await ReadStateAsync(reader, cancellationToken);
                    await reader.NextResultAsync(cancellationToken);
                    await reader.ReadAsync(cancellationToken);
                    var pending = reader.GetBoolean(1);
                    var found = await RequireAsync(reader, behind: reader.GetBoolean(2), query.SensorId);
                    var sameMetrics = state.Metrics == catalog.Metrics.Version && found.AsSpan().SequenceEqual(sent);
                    if (sameMetrics && state.HasWatermarksOf(made))
                    {
                        await reader.NextResultAsync(cancellationToken);
                        return new OpenRead(this, batch, reader, cancellationToken) { State = state, Pending = pending, Sql = sql };
                    }

                    await AbandonAsync(batch, reader);
                    catalog = sameMetrics
                        ? catalog
                        : await NoteAsync(connection, query.SensorId, found, state.Metrics, cancellationToken);
                }
            },
            cancellationToken);

    /// <summary>What this process knows, and of the store as it is when a metric is asked for that it doesn't know.</summary>
    /// <exception cref="StoreException">The store has no such metric, or no such sensor at all.</exception>
    private async Task<Catalog> KnowingAsync(
        NpgsqlConnection connection,
        IReadOnlyList<string>? metrics,
        string? sensorId,
        CancellationToken cancellationToken)
    {
        string? Unknown(Catalog catalog) => metrics?.FirstOrDefault(name => catalog.Metrics.Find(name) is null);
        var known = _catalog;
        if (Unknown(known) is not null && Unknown(known = await LoadCatalogAsync(connection, cancellationToken)) is { } unknown)
        {
            throw sensorId is not null && await ScalarAsync(
                connection,
                "SELECT 1 FROM tidemark.sensors WHERE sensor_id = $1",
                cancellationToken,
                sensorId) is null
                ? StoreException.UnknownSensor(sensorId)
                : StoreException.UnknownMetric(unknown, known.Schema);
        }

        return known;
    }

    private static TimescaleSql Select(Catalog catalog, short[]? sent, IReadOnlyList<string>? metrics) => (metrics, sent) switch
    {
        ({ } named, _) => catalog.Sql.Of(
            [.. named.Select(name => catalog.Metrics.Find(name)?.Metric ?? throw StoreException.UnknownMetric(name, catalog.Schema))],
            extra: false),
        (_, { } some) => catalog.Sql.Of([.. catalog.Metrics.AnswerOf(some).Select(m => m.Metric)], extra: true),
        _ => catalog.Sql,
    };

    /// <summary>What this process knows that the sensor sent; null for all sensors.</summary>
    private short[]? SentBy(string? sensorId) => sensorId is null ? null : _sent.GetValueOrDefault(sensorId, []);

    private async Task<Catalog> NoteAsync(
        NpgsqlConnection connection,
        string? sensorId,
        short[]? sent,
        long version,
        CancellationToken cancellationToken)
    {
        if (sensorId is not null)
        {
            if (_sent.Count >= SensorsKnown)
            {
                _sent.Clear();
            }

            _sent[sensorId] = sent!;
        }

        return await CatalogOfAsync(connection, version, cancellationToken);
    }

    /// <summary>What the sensor ever sent, null when it isn't known; nothing for all sensors.</summary>
    private static string Sent(SqlParts parts, string? sensorId) => sensorId is null
        ? "'{}'::smallint[]"
        : $"(SELECT coalesce(sent, '{{}}') FROM tidemark.sensors WHERE sensor_id = {parts.Sensor(sensorId)})";

    /// <returns>What the sensor ever sent; null for all sensors.</returns>
    private static async Task<short[]?> RequireAsync(NpgsqlDataReader reader, bool behind, string? sensorId)
    {
        if (!behind && !reader.IsDBNull(0))
        {
            return sensorId is null ? null : reader.GetFieldValue<short[]>(0);
        }

        await reader.DisposeAsync();
        throw behind ? new StandbyBehindException() : StoreException.UnknownSensor(sensorId!);
    }

    /// <summary>Lets go of an answer that another one takes the place of. What was wrong with its statement is no matter.</summary>
    private static async Task AbandonAsync(NpgsqlBatch batch, NpgsqlDataReader reader)
    {
        try
        {
            await reader.DisposeAsync();
        }
        catch (PostgresException)
        {
            await ExecuteAsync(batch.Connection!, "ROLLBACK", CancellationToken.None);
        }

        await batch.DisposeAsync();
    }

    /// <summary>
    /// What the sensor sent, whether a late write below a watermark touched what the answer is made of, and whether it comes from a standby
    /// that is behind.
    /// </summary>
    /// <param name="parts">Parameters.</param>
    /// <param name="state">As last seen.</param>
    /// <param name="aggregate">What is asked.</param>
    /// <param name="query">The rest of the question.</param>
    /// <param name="alone">Whether late writes don't matter.</param>
    private string Facts(SqlParts parts, StoreState state, AggregateDefinition aggregate, AggregateQuery query, bool alone)
    {
        var (sent, sensorId, range) = (Sent(parts, query.SensorId), query.SensorId, query.Range);
        if (alone)
        {
            return $"SELECT {sent}, false, {_database.IsBehind(parts)}";
        }

        var buckets = new TimeRange(aggregate.Bucket.Ceiling(range.From), aggregate.Bucket.Ceiling(range.To));
        var ofSensor = sensorId is null ? "" : $" AND sensor_id = {parts.Sensor(sensorId)}";
        var noted = $"EXISTS (SELECT FROM tidemark.pending WHERE aggregate = ANY ({parts.Add(Chain(aggregate))}) AND "
            + $"{TimescaleSql.Within(parts, "bucket", buckets)}{ofSensor})";
        return $"SELECT {sent}, {noted} OR {IsChangedBySql(parts, state, Schema.Aggregate(Chain(aggregate)[0]), buckets)}, "
            + $"{_database.IsBehind(parts)}";
    }
}
