using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Tidemark.Configuration;
using Tidemark.Series;
using Tidemark.Server.Hosting;
using Tidemark.Server.Live;
using Tidemark.Server.Series;
using Tidemark.Server.Wire;

namespace Tidemark.Server.OpenApi;

/// <summary>What the document says of an endpoint, beside the endpoint. Parameters that handlers read themselves are named here.</summary>
internal static class EndpointDescriptions
{
    private const string Json = "application/json";

    public static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder endpoint,
        string tag,
        string summary,
        string description) => endpoint
        .WithTags(tag)
        .WithSummary(summary)
        .WithDescription(description)
        .Produces<Problem>(StatusCodes.Status503ServiceUnavailable, Problem.ContentType);

    public static RouteHandlerBuilder TakesSensor(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound)
        .Parameter(_ => Path("id", "The sensor's id, percent-encoded once (a slash is %2F)."));

    public static RouteHandlerBuilder TakesSensorInQuery(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound)
        .IsHeavy()
        .TakesQuery("sensor_id")
        .Parameter(_ => Query("sensor_id", "The sensor's id; the first sensor when missing."));

    public static RouteHandlerBuilder TakesAggregate(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound)
        .Transform((operation, schema) =>
        {
            var parameter = operation.Parameters?.OfType<OpenApiParameter>().FirstOrDefault(p => p.Name == "aggregate");
            if (parameter?.Schema is OpenApiSchema text)
            {
                text.Enum = [.. schema.Aggregates.Select(a => (JsonNode)a.Name)];
            }
        });

    public static RouteHandlerBuilder TakesRange(this RouteHandlerBuilder endpoint, string defaultPeriod) => endpoint
        .IsHeavy()
        .TakesQuery("period", "from", "to")
        .Parameter(_ => Query("period", $"How far back from now: {Period.Form}. Default {defaultPeriod}."))
        .Parameter(_ => Query("from", "Instead of period: the first instant, RFC 3339 with a zone or epoch milliseconds."))
        .Parameter(_ => Query("to", "With from: the exclusive end; without it the range has none."));

    public static RouteHandlerBuilder TakesMetrics(this RouteHandlerBuilder endpoint) => endpoint
        .TakesQuery(MetricsQuery.Name)
        .Parameter(_ => Query(
            MetricsQuery.Name,
            "The metrics of the answer, such as temperature,humidity; the configured ones and those that the sensor sent when missing."));

    public static RouteHandlerBuilder TakesSensors(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest)
        .TakesQuery(SensorsQuery.Name)
        .Parameter(_ => Query(
            SensorsQuery.Name,
            "Ids and beginnings of ids, such as kitchen,hall-*; all when missing. A backslash takes a comma or an asterisk as it is."));

    public static RouteHandlerBuilder TakesCurrentRows(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest)
        .TakesText("format", "json (the default), or rows for one flat array of one metric.")
        .TakesQuery("metric")
        .Parameter(schema => Query("metric", $"Of rows; {schema.Metrics[0].Name} when missing."))
        .TakesText("time_format", "Of rows: rfc3339 (the default) or ms, epoch milliseconds.");

    public static RouteHandlerBuilder TakesFleet(this RouteHandlerBuilder endpoint) => endpoint
        .TakesQuery("metric", "source")
        .Parameter(schema => Query("metric", $"The metric; {schema.Metrics[0].Name} when missing."))
        .Parameter(_ => Query("source", "aggregate (the default), or raw to compute the same from raw readings."));

    public static RouteHandlerBuilder TakesSeries(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound)
        .Produces(StatusCodes.Status304NotModified)
        .TakesMetrics()
        .TakesText("sensors", $"Up to {SeriesQuery.MostSensors}: {SeriesParameters.SensorsForm}.")
        .TakesText("bucket", $"What a point spans: {SeriesBucket.Form}. Default auto: the finest that keeps within points.")
        .TakesText("points", $"The most points of a sensor with bucket=auto or downsample. Default {SeriesQuery.DefaultPoints}.")
        .TakesText("fn", $"Of each metric in a bucket: {SeriesFunctions.Form}; several with commas. Default avg.")
        .TakesText("tz", "Whose days, weeks, months and years are meant, such as Europe/Berlin. Default UTC.")
        .TakesText("fill", "What a bucket without readings holds: none (it is left out, the default), null, previous or linear.")
        .TakesText("lookback", $"How far before the range a value that lasts into it is looked for: {TypedText.DurationForm}.")
        .TakesText("downsample", "How readings beyond points are thinned out: none (the default), lttb or minmax.")
        .TakesText("format", $"One of {SeriesFormat.Names}; else by Accept, json by default.")
        .TakesText("names", "Of columns by rows: full (the default), or fn for the function alone, with one metric; readings are value.")
        .TakesText("time_format", "Of times in text formats: rfc3339 (the default) or ms, epoch milliseconds.");

    public static RouteHandlerBuilder TakesText(this RouteHandlerBuilder endpoint, string name, string description) => endpoint
        .TakesQuery(name)
        .Parameter(_ => Query(name, description));

    public static RouteHandlerBuilder AnswersSeries(this RouteHandlerBuilder endpoint)
        => endpoint.Transform((operation, schema) => (operation.Responses ??= [])["200"] = new OpenApiResponse
        {
            Description = "OK",
            Content = SeriesFormat.All.Where(f => f.Name != "rows").ToDictionary(
                f => f.MediaType,
                f => new OpenApiMediaType
                {
                    Schema = f == SeriesFormat.Json ? ApiSchemas.SeriesAnswer(schema) : ApiSchemas.Text("A row for each point."),
                }),
        });

    public static RouteHandlerBuilder TakesReadings(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status413PayloadTooLarge, StatusCodes.Status415UnsupportedMediaType)
        .Transform((operation, schema) => operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new OpenApiMediaType { Schema = ApiSchemas.Readings(schema) },
                [Ndjson.ContentType] = new OpenApiMediaType { Schema = ApiSchemas.Reading(schema) },
            },
        });

    /// <summary>Lines of line protocol, which clients of InfluxDB send under any content type.</summary>
    public static RouteHandlerBuilder TakesLineProtocol(this RouteHandlerBuilder endpoint) => endpoint
        .Produces(StatusCodes.Status204NoContent)
        .Transform((operation, _) => operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["text/plain"] = new OpenApiMediaType { Schema = ApiSchemas.Text("Lines of line protocol.") },
            },
        });

    /// <summary>Rows between two Tidemarks.</summary>
    public static RouteHandlerBuilder TakesLines(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status413PayloadTooLarge, StatusCodes.Status415UnsupportedMediaType)
        .Transform((operation, _) => operation.RequestBody = new OpenApiRequestBody { Required = true, Content = Lines() });

    public static RouteHandlerBuilder AnswersLines(this RouteHandlerBuilder endpoint) => endpoint
        .Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound)
        .Transform((operation, _) => (operation.Responses ??= [])["200"] = new OpenApiResponse { Description = "OK", Content = Lines() });

    /// <summary>The answer's shape, where it follows from the telemetry schema.</summary>
    public static RouteHandlerBuilder Answers(this RouteHandlerBuilder endpoint, Func<TelemetrySchema, OpenApiSchema> shape)
        => endpoint.Transform((operation, schema) => (operation.Responses ??= [])["200"] = new OpenApiResponse
        {
            Description = "OK",
            Content = new Dictionary<string, OpenApiMediaType> { [Json] = new OpenApiMediaType { Schema = shape(schema) } },
        });

    public static RouteHandlerBuilder AnswersEvents(this RouteHandlerBuilder endpoint) => endpoint
        .Transform((operation, _) => (operation.Responses ??= [])["200"] = new OpenApiResponse
        {
            Description = "OK",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [EventStream.ContentType] = new OpenApiMediaType { Schema = ApiSchemas.Text("Server-sent events.") },
            },
        });

    private static Dictionary<string, OpenApiMediaType> Lines()
        => new() { [Ndjson.ContentType] = new OpenApiMediaType { Schema = ApiSchemas.Text("One JSON value a line.") } };

    private static RouteHandlerBuilder Refuses(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
        {
            endpoint.Produces<Problem>(status, Problem.ContentType);
        }

        return endpoint;
    }

    private static RouteHandlerBuilder Parameter(this RouteHandlerBuilder endpoint, Func<TelemetrySchema, OpenApiParameter> parameter)
        => endpoint.Transform((operation, schema) => (operation.Parameters ??= []).Add(parameter(schema)));

    private static RouteHandlerBuilder Transform(this RouteHandlerBuilder endpoint, Action<OpenApiOperation, TelemetrySchema> change)
        => endpoint.AddOpenApiOperationTransformer((operation, context, _) =>
        {
            change(operation, context.ApplicationServices.GetRequiredService<ITelemetryStore>().Schema);
            return Task.CompletedTask;
        });

    private static OpenApiParameter Path(string name, string description)
        => new()
        {
            Name = name,
            In = ParameterLocation.Path,
            Required = true,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String }
        };

    private static OpenApiParameter Query(string name, string description)
        => new()
        {
            Name = name,
            In = ParameterLocation.Query,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String }
        };
}
