using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Configuration;
using Tidemark.Server.OpenApi;
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
        RequestException.ThrowIfAny(errors);
        var definition = store.Schema.Aggregate(aggregate);

        await using var answer = new AnswerWriter(context.Response);
        var series = new SeriesAnswer(answer, options.Server.MaxRows);
        await using var reader = await store.ReadAggregateAsync(
            new AggregateQuery(definition.Name, id, query.Range) { Metrics = metrics },
            cancellationToken);
        WriteHead(series, id, query, definition, reader);
        await WriteRowsAsync(series, reader.Rows, Names.Encode(reader.Columns), cancellationToken);
        await series.EndAsync(cancellationToken);
    }

    private static void WriteHead(SeriesAnswer series, string id, RangeQuery query, AggregateDefinition aggregate, AggregateReader reader)
    {
        series.Json.WriteStartObject();
        series.Json.WriteString("sensor_id"u8, id);
        series.WriteRange(query);
        series.Json.WriteString("aggregation"u8, aggregate.Name);
        series.Json.WriteString("watermark"u8, reader.Watermark?.ToString());
        series.Json.WriteBoolean("pending"u8, reader.Pending);
        series.BeginData();
    }

    private static async ValueTask WriteRowsAsync(
        SeriesAnswer series,
        IAsyncEnumerable<AggregateBatch> rows,
        JsonEncodedText[] columns,
        CancellationToken cancellationToken)
    {
        await foreach (var batch in rows.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (!series.TryBeginRow(batch.Bucket(row)))
                {
                    return;
                }

                for (var c = 0; c < columns.Length; c++)
                {
                    series.Json.WriteValue(columns[c], batch.Value(row, c));
                }

                series.Json.WriteNumber(Names.ReadingCount, batch.ReadingCount(row));
                series.Json.WriteEndObject();
                await series.FlushIfFullAsync(cancellationToken);
            }
        }
    }
}
