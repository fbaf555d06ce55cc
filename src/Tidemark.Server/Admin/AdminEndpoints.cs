using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;
using Tidemark.Server.Metrics;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Admin;

/// <summary>
/// The store contract over HTTP, for another Tidemark (<see cref="Remote.HttpTelemetryStore"/>): the command line uses a running server by
/// it.
/// </summary>
internal static class AdminEndpoints
{
    public static void MapAdmin(this IEndpointRouteBuilder app)
    {
        // Exports and maintenance take as long as they take.
        var group = app.MapGroup("/api/admin").RequireScope(Scope.Admin);
        group.DisableRequestTimeout();
        group.AddEndpointFilter(async (context, next) =>
        {
            RefusePlainPosts(context.HttpContext.Request);
            return await next(context);
        });
        group.MapAdminReads();

        group.MapPost("/initialize", InitializeAsync).Describe("Admin", "Creates or upgrades everything", "Re-runnable.");
        group.MapPost("/readings", AdminWrites.WriteAsync)
            .Describe("Admin", "Writes one batch", "A line that names the metrics, then rows as NDJSON: arrays of sensor id, "
                + "microseconds since the epoch, and the values. A malformed one refuses the whole; the answer names rows that were "
                + "refused.")
            .TakesLines()
            .TakesQuery("import_id", "merge");
        group.MapPost("/metrics", async (MetricsRequest request, ITelemetryStore store, CancellationToken cancellationToken) =>
        {
            await store.AddMetricsAsync(request.Names, cancellationToken);
            return await MetricsAnswer.OfAsync(store, cancellationToken);
        })
            .Describe("Admin", "Adds metrics", "Those that are there already are left as they are.");
        group.MapDelete("/metrics/{name}", async (string name, ITelemetryStore store, CancellationToken cancellationToken) =>
        {
            await store.RemoveMetricAsync(name, cancellationToken);
            return await MetricsAnswer.OfAsync(store, cancellationToken);
        })
            .Describe("Admin", "Takes a metric away", "All its values go; readings stay. A configured metric is refused.");
        group.MapPost("/documents", async (DocumentsRequest request, ITelemetryStore store, CancellationToken cancellationToken)
                => new DocumentsAnswer(await store.WriteDocumentsAsync(request.Documents, request.Expected, cancellationToken)))
            .Describe("Admin", "Writes documents", "Small texts that are kept beside readings: all of them, or none when another one is "
                + "not as expected.");
        group.MapPost("/plan", (RefreshRequest request, ITelemetryStore store, CancellationToken cancellationToken)
                => store.PlanRefreshAsync(request.Aggregate, request.Range, cancellationToken))
            .Describe("Admin", "What a refresh would do", "Sources first.");
        group.MapPost("/refresh", (HttpContext context, RefreshRequest request, ITelemetryStore store)
                => OperationAnswer.WriteAsync(
                    context,
                    (progress, token) => store.RefreshAsync(request.Aggregate, request.Range, progress, token)))
            .Describe("Admin", "Refreshes an aggregate and its sources", "NDJSON: progress, then the result.")
            .AnswersLines();
        group.MapPost("/compress", (HttpContext context, ITelemetryStore store) => OperationAnswer.WriteAsync(context, store.CompressAsync))
            .Describe("Admin", "Compresses closed chunks", "NDJSON: progress, then the result.")
            .AnswersLines();
        group.MapPost(
            "/retain",
            (HttpContext context, ITelemetryStore store) => OperationAnswer.WriteAsync(context, (_, token) => store.RetainAsync(token)))
            .Describe("Admin", "Drops what is older than retention", "NDJSON: the result.")
            .AnswersLines();
        group.MapPost("/verify", (HttpContext context, VerifyRequest request, ITelemetryStore store)
                => OperationAnswer.WriteAsync(context, (progress, token) => store.VerifyAsync(request.Aggregate, progress, token)))
            .Describe("Admin", "Compares aggregates with raw readings", "NDJSON: progress, then the result.")
            .AnswersLines();
    }

    private static async Task<StoreDescription> InitializeAsync(
        ITelemetryStore store, TidemarkOptions options, CancellationToken cancellationToken)
    {
        await store.InitializeAsync(cancellationToken);
        return StoreDescription.Of(store.Schema, options);
    }

    /// <summary>A page of another site can make a browser post, but not with a JSON type.</summary>
    private static void RefusePlainPosts(HttpRequest request)
    {
        var type = Ndjson.MediaType(request.ContentType);
        if (HttpMethods.IsPost(request.Method) && type != "application/json" && !Ndjson.IsNdjson(type))
        {
            throw new RequestException(
                [$"content type '{request.ContentType}' is not supported; send application/json"],
                StatusCodes.Status415UnsupportedMediaType);
        }
    }
}
