using System.Text.RegularExpressions;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    public Task<IReadOnlyList<MetricInfo>> ListMetricsAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync<IReadOnlyList<MetricInfo>>(
            async connection =>
            {
                var catalog = await LoadCatalogAsync(connection, cancellationToken);
                var sensors = new Dictionary<short, int>();
                await using var command = new NpgsqlCommand(
                    "SELECT p, count(*)::integer FROM tidemark.sensors, unnest(sent) p GROUP BY p",
                    connection);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    sensors[reader.GetInt16(0)] = reader.GetInt32(1);
                }

                return [.. catalog.Metrics.All.Select(m => new MetricInfo(m.Metric, m.FirstSeen, sensors.GetValueOrDefault(m.Position)))];
            },
            cancellationToken);
    }

    public async Task AddMetricsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        RequireInitialized();
        if (names.Select(Metric.CheckName).FirstOrDefault(error => error is not null) is { } wrong)
        {
            throw new StoreException(StoreErrorKind.Invalid, wrong);
        }

        var known = await _database.RunAsync(connection => LoadCatalogAsync(connection, cancellationToken), cancellationToken);
        var added = names.Where(name => known.Metrics.Find(name) is null).Distinct().ToList();
        if (known.Metrics.All.Count + added.Count > Places)
        {
            throw new StoreException(StoreErrorKind.Invalid, TooMany(added[0]));
        }

        await AddAsync(added, cancellationToken);
    }

    public Task RemoveMetricAsync(string name, CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.ChangeAsync(
            async connection =>
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                await BeginChangeAsync(connection, cancellationToken);
                var catalog = await ReadCatalogAsync(connection, cancellationToken);
                var metric = catalog.Metrics.Find(name) ?? throw StoreException.UnknownMetric(name, catalog.Schema);
                if (metric.Metric.IsConfigured)
                {
                    throw new StoreException(
                        StoreErrorKind.Invalid,
                        $"the metric '{name}' is configured: take it out of the configuration first, then remove it");
                }

                var aggregates = await AggregatesThereAsync(connection, cancellationToken);
                var extra = aggregates.SelectMany(a => a.ExtraColumns);
                if (extra.FirstOrDefault(c => Regex.IsMatch(c.Expression, $@"\b{name}\b")) is { } column)
                {
                    throw new StoreException(
                        StoreErrorKind.Invalid,
                        $"the metric '{name}' is used by the aggregates' column '{column.Name}', "
                            + "which the store keeps: it can't be removed");
                }

                await LockAsync(connection, catalog.Sql, aggregates, cancellationToken);
                foreach (var sql in TimescaleSql.Retire(aggregates, name, metric.Position))
                {
                    await AlterAsync(connection, sql, cancellationToken);
                }

                await ExecuteAsync(
                    connection,
                    "UPDATE tidemark.metrics SET removed = true WHERE position = $1",
                    cancellationToken,
                    metric.Position);
                catalog = await RaiseVersionAsync(connection, cancellationToken);
                await ExecuteAsync(connection, catalog.Sql.CreateNoteSensors(catalog.Metrics.Names), cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return await LoadCatalogAsync(connection, cancellationToken);
            },
            cancellationToken);
    }

    /// <summary>Gives metrics the next positions.</summary>
    private static async Task NoteMetricsAsync(
        NpgsqlConnection connection,
        IReadOnlyList<string> names,
        CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            connection,
            """
            INSERT INTO tidemark.metrics (position, name)
            SELECT (SELECT coalesce(max(position), -1) FROM tidemark.metrics) + place, name FROM unnest($1) WITH ORDINALITY m (name, place)
            """,
            cancellationToken,
            [names.ToArray()]);
        await ExecuteAsync(
            connection,
            """
            INSERT INTO tidemark.settings AS s VALUES ('metrics_version', '1')
            ON CONFLICT (name) DO UPDATE SET value = (s.value::bigint + 1)::text
            """,
            cancellationToken);
    }

    private async Task<Catalog> RaiseVersionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await NoteMetricsAsync(connection, [], cancellationToken);
        return await ReadCatalogAsync(connection, cancellationToken);
    }

    /// <summary>Fills what sensors sent in a store that doesn't note it yet, and in one that was taken over.</summary>
    private async Task FillSentAsync(
        NpgsqlConnection connection,
        IReadOnlyList<AggregateDefinition> stored,
        CancellationToken cancellationToken)
    {
        if (await ScalarAsync(connection, "SELECT 1 FROM tidemark.sensors WHERE sent IS NULL LIMIT 1", cancellationToken) is null)
        {
            return;
        }

        var finest = stored.MinBy(a => a.Bucket.Approximate);
        var watermark = finest is not null && await ScalarAsync(
            connection,
            "SELECT watermark FROM tidemark.watermarks WHERE name = $1",
            cancellationToken,
            finest.Name) is long micros && micros > Instant.MinValue.Micros
            ? new Instant(micros)
            : Instant.MinValue;
        await ExecuteAsync(
            connection,
            TimescaleSql.FillSent(_catalog.Metrics.Names, watermark, finest is null ? null : Sql.Table(finest)),
            cancellationToken);
    }
}
