using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Readings;

internal static class IngestEndpoint
{
    public static void MapIngest(this IEndpointRouteBuilder app)
        => app.MapPost("/api/readings", WriteAsync)
            .RequireScope(Scope.Write)
            .CountsRefusals()
            .Describe("Readings", "Writes readings", "A JSON object, an array of objects, or NDJSON. What is answered is durable; "
                + "readings that were sent before change nothing, so sending again is safe, except to an append-only store, whose answers "
                + "say append_only.")
            .TakesReadings()
            .TakesQuery("import_id", "time_unit")
            .Produces<IngestAnswer>();

    private static async Task<IngestAnswer> WriteAsync(
        HttpContext context, [FromQuery(Name = "import_id")] string? importId, [FromQuery(Name = "time_unit")] string? timeUnit,
        ITelemetryStore store, TidemarkOptions options, TimeProvider clock, HttpIntake intake, WriteRoom room,
        CancellationToken cancellationToken)
    {
        if (importId is { Length: 0 or > ReadingBatch.LongestImportName })
        {
            throw new RequestException([$"import_id has {importId.Length} characters, not 1 to {ReadingBatch.LongestImportName}"]);
        }

        var unit = TimeUnit.Find(timeUnit);
        if (timeUnit is not null && unit is null)
        {
            throw new RequestException([$"time_unit '{timeUnit}' is not {TimeUnit.Form}"]);
        }

        var isNdjson = IsNdjson(context.Request.ContentType);
        var ingestion = await Ingestion.BeginAsync(store, options, clock, unit, importId, cancellationToken);
        if (isNdjson)
        {
            // A device may hold its request open and send a line now and then.
            context.Features.GetRequiredFeature<IHttpMinRequestBodyDataRateFeature>().MinDataRate = null;
            context.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();
            using var batches = room.ForBatches(Ingestion.MostValues);
            await NdjsonBody.ReadAsync(context.Request.BodyReader, ingestion, batches, options.Server.MaxLine, cancellationToken);
        }
        else
        {
            using var whole = room.ForBody(context.Request);
            await JsonBody.ReadAsync(context.Request, ingestion, whole, options.Server.MaxLine, cancellationToken);
        }

        if (!ingestion.TookAny)
        {
            throw NothingValid(ingestion.Answer);
        }

        var answer = ingestion.Answer;
        intake.Note(
            context,
            answer.Written + answer.Replaced + answer.Unchanged,
            answer.Refusals is [var first, ..] ? $"{answer.Refused} refused; line {first.Line}: {first.Error}" : null);
        return answer;
    }

    /// <exception cref="RequestException">415: pages of other sites can send what has no JSON type, so that is not taken.</exception>
    private static bool IsNdjson(string? contentType)
    {
        var type = Ndjson.IsUtf8(contentType) ? Ndjson.MediaType(contentType) : throw new RequestException(
            [$"content type '{contentType}' is not in UTF-8; send UTF-8"], StatusCodes.Status415UnsupportedMediaType);
        return Ndjson.IsNdjson(type) || (type == "application/json"
            ? false
            : throw new RequestException(
                [$"content type '{contentType}' is not supported; send application/json or {Ndjson.ContentType}"], StatusCodes
                    .Status415UnsupportedMediaType));
    }

    private static RequestException NothingValid(IngestAnswer answer)
    {
        string[] errors = answer.Refused == 0
            ? ["the body holds no reading"]
            : [.. answer.Refusals.Select(r => $"line {r.Line}: {r.Error}")];
        return new RequestException(
            errors,
            summary: errors.Length == 1 ? null : $"none of {answer.Refused} readings is valid; {errors[0]}");
    }
}
