using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Tidemark.Configuration;
using Tidemark.Ingest.LineProtocol;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Readings;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Lines;

/// <summary>Where clients of InfluxDB write.</summary>
internal static class LineEndpoints
{
    private const string SensorIds = "sensor_ids";
    private const string BareMeasurements = "bare_measurements";

    // Names of databases, buckets and organisations are taken and mean nothing: there is one store.
    private static readonly string[] Queries =
    [
        "precision", SensorIds, BareMeasurements, "db", "rp", "consistency", "u", "p", "org", "orgID", "bucket", "bucketID",
        "accept_partial", "no_sync",
    ];

    public static void MapLines(this IEndpointRouteBuilder app)
    {
        app.MapWrite("/write", ApiVersion.V1);
        app.MapWrite("/api/v2/write", ApiVersion.V2);
        app.MapWrite("/api/v3/write_lp", ApiVersion.V3);
    }

    private static void MapWrite(this IEndpointRouteBuilder app, string path, ApiVersion version) => app
        .MapPost(path, (
            HttpContext context, ITelemetryStore store, TidemarkOptions options, TimeProvider clock, HttpIntake intake, WriteRoom room,
            CancellationToken cancellationToken)
            => WriteAsync(context, version, store, options, clock, intake, room, cancellationToken))
        .RequireScope(Scope.Write)
        .CountsRefusals()
        .Describe("Line protocol", $"Writes lines as version {(int)version + 1} of InfluxDB takes them", "204 when all lines are durable. "
            + "A line that is refused is named in the answer, and the others are written. A reading adds to what is stored of its sensor "
            + "and time, so sending again is safe.")
        .RefusesOtherSites()
        .TakesLineProtocol()
        .TakesQuery(Queries);

    private static async Task WriteAsync(
        HttpContext context,
        ApiVersion version,
        ITelemetryStore store,
        TidemarkOptions options,
        TimeProvider clock,
        HttpIntake intake,
        WriteRoom room,
        CancellationToken cancellationToken)
    {
        var query = context.Request.Query;
        var precision = ReadPrecision(query["precision"], version);
        var naming = ReadNaming(query, options.LineNaming);
        var isWhole = version is ApiVersion.V3 && query["accept_partial"] == "false";
        // How long a body may take is told by server:min_rate and server:max_body: one that is too slow would be so again.
        context.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();

        var body = context.Request.BodyReader;
        using var whole = room.ForBody(context.Request);
        using var held = isWhole ? await HeldBody.ReadAsync(context.Request, whole, cancellationToken) : null;
        if (held is not null)
        {
            var looked = await ReadAsync(Pipe(held.Bytes), writes: false);
            if (looked.Refused > 0)
            {
                intake.Note(context, 0, FirstFault(looked));
                await ApiErrors.WriteAsync(context.Response, version, looked, isWhole);
                return;
            }

            body = Pipe(held.Bytes);
        }

        var ingestion = await ReadAsync(body, writes: true);
        intake.Note(context, ingestion.Taken, ingestion.Refused > 0 ? FirstFault(ingestion) : null);
        if (ingestion.Texts > 0)
        {
            context.Response.Headers["X-Tidemark-Texts-Left-Out"] = ingestion.Texts.ToString(CultureInfo.InvariantCulture);
        }

        if (ingestion.Refused > 0)
        {
            await ApiErrors.WriteAsync(context.Response, version, ingestion, isWhole: false);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }

        async Task<LineIngestion> ReadAsync(PipeReader text, bool writes)
        {
            var batches = isWhole ? null : room.ForBatches(LineIngestion.MostValues);
            var lines = await LineIngestion.BeginAsync(store, options, clock, precision, naming, batches, writes, cancellationToken);
            await LineBody.ReadAsync(text, lines, options.Server.MaxLine, cancellationToken);
            return lines;
        }
    }

    private static string FirstFault(LineIngestion ingestion)
        => $"{ingestion.Refused} refused; line {ingestion.Errors[0].Number}: {ingestion.Errors[0].Message}";

    private static LinePrecision ReadPrecision(string? text, ApiVersion version)
        => string.IsNullOrEmpty(text) || (text == "auto" && version is ApiVersion.V3)
            ? version.DefaultPrecision()
            : LinePrecision.Find(text) ?? throw new RequestException([$"precision '{text}' is not {LinePrecision.Form}"]);

    private static LineNaming ReadNaming(IQueryCollection query, LineNaming configured)
    {
        var errors = new List<string>();
        var naming = configured.With(query[SensorIds], query[BareMeasurements], errors);
        RequestException.ThrowIfAny([.. errors.Select(e => $"{SensorIds}: {e}")]);
        return naming;
    }

    private static PipeReader Pipe(ReadOnlyMemory<byte> bytes) => PipeReader.Create(new ReadOnlySequence<byte>(bytes));
}
