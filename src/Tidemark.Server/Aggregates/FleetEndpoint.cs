using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Configuration;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Aggregates;

internal static class FleetEndpoint
{
    public static void MapFleet(this IEndpointRouteBuilder app)
        => app.MapGet("/api/fleet/{aggregate}", ReadAsync)
            .Describe(
                "Aggregates",
                "One metric over all sensors",
                "The average of one metric per bucket over all sensors, from the aggregate or, for comparison, computed from raw readings.")
            .TakesAggregate()
            .TakesFleet()
            .TakesRange(RangeQuery.DefaultPeriods)
            .Answers(ApiSchemas.Fleet);

    private static async Task ReadAsync(
        HttpContext context, string aggregate, ITelemetryStore store, TidemarkOptions options, TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var known = store.Schema.HasAggregate(aggregate) ? store.Schema.Aggregate(aggregate) : store.Schema.Finest;
        var query = RangeQuery.Read(context.Request.Query, RangeQuery.DefaultPeriod(known), clock, errors);
        var metric = MetricsQuery.ReadOne(context.Request.Query, store.Schema, errors);
        var source = ReadSource(context.Request.Query, errors);
        RequestException.ThrowIfAny(errors);
        var definition = store.Schema.Aggregate(aggregate);

        await using var answer = new AnswerWriter(context.Response);
        var series = new SeriesAnswer(answer, options.Server.MaxRows);
        series.Json.WriteStartObject();
        series.Json.WriteString("aggregation"u8, definition.Name);
        series.Json.WriteString("metric"u8, metric);
        series.Json.WriteString("source"u8, source);
        series.WriteRange(query);
        series.BeginData();
        series.BeginRows(["average", Names.ReadingCount]);
        var fleet = new FleetQuery(definition.Name, metric, query.Range, source == "raw");
        await foreach (var point in store.ReadFleetAsync(fleet, cancellationToken))
        {
            if (!series.TryBeginRow(point.Bucket))
            {
                break;
            }

            series.Rows.Add(point.Average ?? double.NaN);
            series.Rows.Add(point.ReadingCount);
            series.Rows.EndRow();
            await series.FlushIfFullAsync(cancellationToken);
        }

        await (source == "raw" ? series.EndRawAsync(store, query.Range, cancellationToken) : series.EndAsync(cancellationToken));
    }

    private static string ReadSource(IQueryCollection query, List<string> errors)
    {
        var source = RangeQuery.Single(query, "source", errors) ?? "aggregate";
        if (source is not ("aggregate" or "raw"))
        {
            errors.Add($"source '{source}' is not aggregate or raw");
        }

        return source;
    }
}
