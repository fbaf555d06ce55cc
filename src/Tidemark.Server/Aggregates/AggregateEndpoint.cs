using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Configuration;
using Tidemark.Series;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Series;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Aggregates;

internal static class AggregateEndpoint
{
    public static void MapAggregates(this IEndpointRouteBuilder app)
        => app.MapGet("/api/sensors/{id}/{aggregate}", ReadAsync)
            .Describe("Aggregates", "A sensor's aggregate", "Buckets ascending by their start: materialised ones, then the live tail. "
                + "`pending` says that a late write touched the range and waits for the next refresh.")
            .TakesSensor()
            .TakesAggregate()
            .TakesMetrics()
            .TakesText("tz", "Makes the buckets those of a time zone, such as Europe/Berlin; extra columns are left out.")
            .TakesText("fill", "What a bucket without readings holds: none (it is left out, the default), null, previous or linear.")
            .TakesRange(RangeQuery.DefaultPeriods)
            .Answers(ApiSchemas.Aggregate);

    private static async Task ReadAsync(
        HttpContext context, string aggregate, ITelemetryStore store, TidemarkOptions options, TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var id = SensorPath.Read(context, errors);
        var known = store.Schema.HasAggregate(aggregate) ? store.Schema.Aggregate(aggregate) : store.Schema.Finest;
        var query = RangeQuery.Read(context.Request.Query, RangeQuery.DefaultPeriod(known), clock, errors);
        var metrics = MetricsQuery.Read(context.Request.Query, errors);
        var zone = RangeQuery.Single(context.Request.Query, "tz", errors);
        var fill = RangeQuery.Single(context.Request.Query, "fill", errors);
        var made = new SeriesParameters { Zone = zone, Fill = fill }
            .ToQuery(store.Schema, query.Range, Instant.From(clock.GetUtcNow()), errors);
        RequestException.ThrowIfAny(errors);
        var definition = store.Schema.Aggregate(aggregate);

        await using var answer = new AnswerWriter(context.Response);
        var series = new SeriesAnswer(answer, options.Server.MaxRows);
        if ((zone ?? fill) is not null)
        {
            made = made with
            {
                Sensors = [$"{SensorSelection.Of(id)}"],
                Metrics = metrics,
                Bucket = SeriesBucket.Of(definition),
                Functions = [SeriesFunction.Avg, SeriesFunction.Min, SeriesFunction.Max],
            };
            await WriteMadeAsync(store, series, made, query, definition, cancellationToken);
            await series.EndAsync(cancellationToken);
            return;
        }

        await using var reader = await store.ReadAggregateAsync(
            new AggregateQuery(definition.Name, id, query.Range) { Metrics = metrics },
            cancellationToken);
        WriteHead(series, id, query, definition, reader.Watermark, reader.Pending);
        await WriteRowsAsync(series, reader.Rows, [.. reader.Columns, Names.ReadingCount], cancellationToken);
        await series.EndAsync(cancellationToken);
    }

    /// <summary>Buckets of another zone, or with those that nothing was read in.</summary>
    private static async Task WriteMadeAsync(
        ITelemetryStore store,
        SeriesAnswer answer,
        SeriesQuery made,
        RangeQuery query,
        AggregateDefinition aggregate,
        CancellationToken cancellationToken)
    {
        await using var reader = await store.ReadSeriesAsync(made, cancellationToken);
        await foreach (var series in reader.ReadAsync(cancellationToken))
        {
            WriteHead(answer, series.SensorId, query, aggregate, series.Watermark, series.Pending);
            await PlainRows.WriteAsync(answer, series, cancellationToken);
        }
    }

    private static void WriteHead(
        SeriesAnswer series,
        string id,
        RangeQuery query,
        AggregateDefinition aggregate,
        Instant? watermark,
        bool pending)
    {
        series.Json.WriteStartObject();
        series.Json.WriteString("sensor_id"u8, id);
        series.WriteRange(query);
        series.Json.WriteString("aggregation"u8, aggregate.Name);
        series.Json.WriteString("watermark"u8, watermark?.ToString());
        series.Json.WriteBoolean("pending"u8, pending);
        series.BeginData();
    }

    private static async ValueTask WriteRowsAsync(
        SeriesAnswer series,
        IAsyncEnumerable<AggregateBatch> rows,
        string[] columns,
        CancellationToken cancellationToken)
    {
        series.BeginRows(columns);
        await foreach (var batch in rows.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (!series.TryBeginRow(batch.Bucket(row)))
                {
                    return;
                }

                for (var c = 0; c < columns.Length - 1; c++)
                {
                    series.Rows.Add(batch.Value(row, c));
                }

                series.Rows.Add(batch.ReadingCount(row));
                series.Rows.EndRow();
                await series.FlushIfFullAsync(cancellationToken);
            }
        }
    }
}
