using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using Tidemark.Server.Alerts;
using Tidemark.Server.Hosting;
using Tidemark.Server.Mqtt;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Page;
using Tidemark.Server.Readings;

namespace Tidemark.Server.Status;

/// <param name="Status"><c>healthy</c>; <c>unhealthy</c> when the store can't answer; <c>alive</c>; <c>stopping</c>.</param>
/// <param name="Service">Always <c>tidemark</c>.</param>
/// <param name="Timestamp">The server's time.</param>
/// <param name="Maintenance">How refreshes, compression and retention go, once it is healthy.</param>
/// <param name="Error">Why it is unhealthy.</param>
public sealed record HealthAnswer(
    string Status,
    string Service,
    Instant Timestamp,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] MaintenanceHealth? Maintenance = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Error = null);

/// <param name="State"><c>ok</c>, or <c>late</c> when a scheduled job failed or stopped, or the clock was ahead.</param>
/// <param name="Problems">The jobs that did, and aggregates ahead of the clock. Why is told by <c>/api/status</c>, to who may read.</param>
public sealed record MaintenanceHealth(string State, IReadOnlyList<string> Problems);

/// <param name="Service">Always <c>tidemark</c>.</param>
/// <param name="Version">The program's.</param>
/// <param name="Endpoints">Addresses worth a visit.</param>
public sealed record IndexAnswer(string Service, string Version, IReadOnlyList<string> Endpoints);

internal static class StatusEndpoints
{
    private const string Service = "tidemark";

    /// <summary>The program's.</summary>
    public static readonly string Version
        = typeof(StatusEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    private const string StandsIn = ", the server does its work";

    // A store that takes longer is not one that answers.
    private static readonly TimeSpan HealthTimeout = TimeSpan.FromSeconds(5);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/", ReadIndexAsync)
            .AllowAnonymous()
            .Describe("Status", "What there is", "Lists the useful addresses; a browser gets the page.")
            .Produces<IndexAnswer>();

        app.MapGet("/api/health", CheckAsync)
            .AllowAnonymous()
            .Describe("Status", "Whether the store answers", "200 and `healthy`, or 503 and `unhealthy`. Scheduled maintenance that "
                + "failed or stopped is named, and leaves a server healthy.")
            .Produces<HealthAnswer>()
            .Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);

        app.MapGet("/api/health/live", Live)
            .AllowAnonymous()
            .Describe("Status", "Whether the process answers", "200, whatever the store does: a restart would not help that.")
            .Produces<HealthAnswer>();

        app.MapGet("/api/health/ready", ReadyAsync)
            .AllowAnonymous()
            .Describe("Status", "Whether requests should come here", "As `/api/health`, and 503 from when the server is told to stop.")
            .Produces<HealthAnswer>()
            .Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    public static void MapStatus(this IEndpointRouteBuilder app)
        => app.MapGet("/api/status", ReadAsync)
            .Describe(
                "Status",
                "What the store holds",
                "Hypertables, chunks, aggregates with their watermarks, sizes, how the scheduled jobs last went, what became of "
                    + "readings that came over HTTP and by MQTT, and alerts.");

    private static Task ReadIndexAsync(HttpContext context, ITelemetryStore store)
    {
        context.Response.Headers.Append(HeaderNames.Vary, HeaderNames.Accept);
        return PageEndpoints.IsWanted(context.Request)
            ? PageEndpoints.WriteIndexAsync(context)
            : context.Response.WriteAsJsonAsync(Index(store), context.RequestAborted);
    }

    private static IndexAnswer Index(ITelemetryStore store) => new(
        Service,
        Version,
        [
            "/docs", "/openapi/v1.json", "/api/health", "/api/status", "/api/alerts", "/api/sensors", "/api/sensors/{id}/current",
            "/api/sensors/{id}/raw?period=1d",
            .. store.Schema.Aggregates.Select(a => $"/api/sensors/{{id}}/{a}?period={Wire.RangeQuery.DefaultPeriod(a)}"),
            "/api/series?sensors={id}&period=1w",
            $"/api/fleet/{store.Schema.Finest}?metric={store.Schema.Metrics[0].Name}&period=30d", "/api/stats/performance?sensor_id={id}",
        ]);

    private static async Task<IResult> CheckAsync(
        HttpContext context,
        ITelemetryStore store,
        Scheduler scheduler,
        TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var now = Instant.From(clock.GetUtcNow());
        context.Response.Headers.CacheControl = "no-store";
        try
        {
            var (jobs, ahead) = await AskAsync(store, now, cancellationToken).WaitAsync(HealthTimeout, cancellationToken);
            return Results.Ok(new HealthAnswer("healthy", Service, now, Maintenance(scheduler, [.. jobs, .. scheduler.Jobs], ahead)));
        }
        catch (Exception e) when (e is StoreException or TimeoutException)
        {
            context.Response.Headers.RetryAfter = "5";
            return Results.Json(
                new HealthAnswer("unhealthy", Service, now, Error: Fault(e)),
                statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    private static IResult Live(HttpContext context, TimeProvider clock)
    {
        context.Response.Headers.CacheControl = "no-store";
        return Results.Ok(new HealthAnswer("alive", Service, Instant.From(clock.GetUtcNow())));
    }

    private static async Task<IResult> ReadyAsync(
        HttpContext context,
        ITelemetryStore store,
        Scheduler scheduler,
        Draining draining,
        TimeProvider clock,
        CancellationToken cancellationToken)
    {
        if (!draining.HasBegun)
        {
            return await CheckAsync(context, store, scheduler, clock, cancellationToken);
        }

        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(
            new HealthAnswer("stopping", Service, Instant.From(clock.GetUtcNow()), Error: "the server was told to stop"),
            statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    /// <returns>Null when the store answers, else why it doesn't.</returns>
    public static async Task<string?> FindFaultAsync(ITelemetryStore store, Instant now, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(store, now, cancellationToken).WaitAsync(HealthTimeout, cancellationToken);
            return null;
        }
        catch (Exception e) when (e is StoreException or TimeoutException)
        {
            return Fault(e);
        }
    }

    private static string Fault(Exception error)
        => error is TimeoutException ? $"the store gave no answer in {HealthTimeout.TotalSeconds} s" : error.Message;

    /// <returns>The store's jobs, and which aggregates are materialised beyond now.</returns>
    private static async Task<(IReadOnlyList<JobStatus> Jobs, IReadOnlyList<string> Ahead)> AskAsync(
        ITelemetryStore store,
        Instant now,
        CancellationToken cancellationToken)
    {
        // Real questions, and ones that find nothing to read.
        var instant = new TimeRange(now, new Instant(now.Micros + 1));
        var ahead = new List<string>();
        foreach (var aggregate in store.Schema.BuiltFrom(null))
        {
            // No aggregate of an aggregate is further than its source.
            await using var answer = await store.ReadAggregateAsync(new AggregateQuery(aggregate.Name, null, instant), cancellationToken);
            if (answer.Watermark > now)
            {
                ahead.Add($"{aggregate} is materialised ahead of the clock, to {answer.Watermark}");
            }
        }

        return (await store.ReadJobsAsync(cancellationToken), ahead);
    }

    /// <summary>Names jobs and not their errors: anybody may ask.</summary>
    private static MaintenanceHealth Maintenance(Scheduler scheduler, IEnumerable<JobStatus> jobs, IEnumerable<string> ahead)
    {
        var problems = jobs.Where(j => j.State != JobState.Ok)
            .Select(j => $"{j.Name} {(j.State == JobState.Failed ? "failed" : "has stopped")}{(scheduler.StandsInFor(j) ? StandsIn : "")}")
            .Concat(ahead)
            .ToList();
        return new MaintenanceHealth(problems.Count == 0 ? "ok" : "late", problems);
    }

    private static async Task<StoreStatus> ReadAsync(
        ITelemetryStore store,
        Scheduler scheduler,
        HttpIntake http,
        MqttReport mqtt,
        AlertReport alerts,
        CancellationToken cancellationToken)
    {
        var status = await store.ReadStatusAsync(cancellationToken);
        var jobs = status.Jobs.Select(j => scheduler.StandsInFor(j) ? j with { LastOutcome = j.LastOutcome + StandsIn } : j);
        return status with
        {
            Jobs = [.. jobs, .. scheduler.Jobs],
            Http = http.Status,
            Mqtt = mqtt.Status,
            Alerts = await alerts.ReadAsync(cancellationToken),
        };
    }
}
