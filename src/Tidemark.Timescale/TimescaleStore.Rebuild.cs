using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    /// <summary>
    /// Makes the aggregates anew with the metrics that there are now and carries over what they had materialised, which raw readings may
    /// no longer give. Not every version of TimescaleDB adds a column, and none drops one.
    /// </summary>
    private async Task<Catalog> RebuildAggregatesAsync(
        NpgsqlConnection connection,
        Catalog catalog,
        IReadOnlyList<AggregateDefinition> aggregates,
        CancellationToken cancellationToken)
    {
        await AlterAsync(connection, $"DROP MATERIALIZED VIEW IF EXISTS {TimescaleSql.FleetView}", cancellationToken);
        await ExecuteAsync(
            connection,
            "UPDATE tidemark.aggregates a SET fleet = NULL, "
                + "watermark = (SELECT w.watermark FROM tidemark.watermarks w WHERE w.name = a.name)",
            cancellationToken);
        foreach (var aggregate in aggregates.Reverse())
        {
            await ExecuteAsync(
                connection,
                $"CREATE TABLE {Carried(aggregate)} AS SELECT * FROM {catalog.Sql.Table(aggregate)}",
                cancellationToken);
            await AlterAsync(connection, $"DROP MATERIALIZED VIEW {Identifier.Quote(aggregate.Table)}", cancellationToken);
        }

        foreach (var aggregate in aggregates)
        {
            await CreateAggregateAsync(connection, catalog.Sql, aggregate, cancellationToken);
            catalog = await ReadCatalogAsync(connection, cancellationToken);
            await CarryOverAsync(connection, catalog.Sql, aggregate, cancellationToken);
        }

        return catalog;
    }

    /// <summary>
    /// Puts carried rows into place, and one before them that the refresh in <see cref="SettleAsync"/> takes out again: by that
    /// TimescaleDB learns where the watermark is.
    /// </summary>
    private static async Task CarryOverAsync(
        NpgsqlConnection connection,
        TimescaleSql sql,
        AggregateDefinition aggregate,
        CancellationToken cancellationToken)
    {
        var bucket = Identifier.Quote(aggregate.BucketColumn);
        var columns = (string?)await ScalarAsync(
            connection,
            """
            SELECT string_agg(quote_ident(o.attname), ', ') FROM pg_attribute o JOIN pg_attribute n ON n.attname = o.attname
                AND n.attrelid = to_regclass($2)
            WHERE o.attrelid = to_regclass($1) AND o.attnum > 0 AND n.attnum > 0 AND NOT o.attisdropped
            """,
            cancellationToken,
            Carried(aggregate), sql.Table(aggregate));
        await ExecuteAsync(
            connection,
            $"INSERT INTO {sql.Table(aggregate)} ({columns}) SELECT {columns} FROM {Carried(aggregate)}",
            cancellationToken);
        if (await InstantAsync(
            connection,
            new SqlParts(),
            $"SELECT min({bucket}) FROM {Carried(aggregate)}",
            cancellationToken) is { } first && first > Instant.MinValue)
        {
            var before = aggregate.Bucket.Floor(new Instant(first.Micros - 1));
            await ExecuteAsync(
                connection,
                $"INSERT INTO {sql.Table(aggregate)} ({bucket}, sensor_id, reading_count) VALUES ({Literal(before)}, '', 0)",
                cancellationToken);
            await ExecuteAsync(
                connection,
                "UPDATE tidemark.aggregates SET carried = $1 WHERE name = $2",
                cancellationToken,
                before.Micros,
                aggregate.Name);
        }
        else
        {
            await ExecuteAsync(
                connection,
                "UPDATE tidemark.aggregates SET watermark = NULL WHERE name = $1",
                cancellationToken,
                aggregate.Name);
        }

        await ExecuteAsync(connection, $"DROP TABLE {Carried(aggregate)}", cancellationToken);
    }

    /// <summary>Finishes what a rebuild began; a refresh can't run in its transaction.</summary>
    private async Task SettleAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var aggregate in _kept.Aggregates)
        {
            if (await ScalarAsync(
                connection,
                "SELECT carried FROM tidemark.aggregates WHERE name = $1",
                cancellationToken,
                aggregate.Name) is long micros)
            {
                var before = new Instant(micros);
                await CallRefreshAsync(
                    connection,
                    Identifier.Quote(aggregate.Table),
                    before,
                    aggregate.Bucket.End(before),
                    cancellationToken);
                await ExecuteAsync(
                    connection,
                    "UPDATE tidemark.aggregates SET carried = NULL, watermark = NULL WHERE name = $1",
                    cancellationToken,
                    aggregate.Name);
            }
        }
    }

    private static string Carried(AggregateDefinition aggregate)
        => $"tidemark.{Identifier.Quote($"carried_{aggregate.Name}"[..Math.Min(48, aggregate.Name.Length + 8)])}";
}
