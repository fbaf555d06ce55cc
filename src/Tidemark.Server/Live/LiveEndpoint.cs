using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Live;

/// <summary>Readings as they are committed, as server-sent events.</summary>
internal static class LiveEndpoint
{
    private const string LastEventId = "Last-Event-ID";

    // What a client that comes back may have missed and still gets.
    private const int MostCaughtUp = 10_000;

    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan KeyInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    // Commits that come closer together are sent together: a packet for each would cost more than what is in it.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(150);

    // After a restart all clients come back at once.
    private static readonly SemaphoreSlim CatchingUp = new(4);

    public static void AddLive(this IServiceCollection services) => services.AddSingleton<LiveHub>();

    public static void MapLive(this IEndpointRouteBuilder app)
        => app.MapGet("/api/live", StreamAsync)
            .Describe(
                "Readings",
                "Readings as they are committed",
                "Server-sent events without an end: `reading` with what /api/sensors/{id}/current has, `missed` with how many readings "
                    + "were left out (null when that isn't known). Last-Event-ID goes on from there.")
            .TakesMetrics()
            .TakesSensors()
            .AnswersEvents()
            .DisableRequestTimeout();

    private static async Task StreamAsync(
        HttpContext context, ITelemetryStore store, LiveHub hub, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var sensors = SensorsQuery.Read(context.Request.Query, errors);
        var metrics = MetricsQuery.Read(context.Request.Query, errors);
        RequestException.ThrowIfAny(errors);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        if (HeadRequests.IsHead(context))
        {
            Begin(context.Response);
            return;
        }

        LiveListener? listener = null;
        try
        {
            listener = await hub.JoinAsync(sensors, metrics, ends.Token);
            if (listener is null)
            {
                context.Response.Headers.RetryAfter = "10";
                await Problem.Of(
                    StatusCodes.Status503ServiceUnavailable,
                    "too many clients listen at once: try again later, or raise server:live_clients").WriteAsync(context.Response);
                return;
            }

            Begin(context.Response);
            var output = context.Response.BodyWriter;
            output.Write(EventStream.Retry(RetryPause));
            await BeginAsync(context, store, listener, output, ends.Token);
            await SendAsync(context, hub, listener, output, ends.Token);
        }
        catch (OperationCanceledException)
        {
            // The client has gone; or the server goes, and the client asks again, which browsers do after a stream alone.
            if (!context.Response.HasStarted)
            {
                Begin(context.Response);
            }
        }
        finally
        {
            if (listener is not null)
            {
                await hub.LeaveAsync(listener);
            }
        }
    }

    private static void Begin(HttpResponse response)
    {
        var features = response.HttpContext.Features;
        response.ContentType = EventStream.ContentType;
        response.Headers.CacheControl = "no-store";

        // nginx would gather answers.
        response.Headers["X-Accel-Buffering"] = "no";
        features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();

        // A slow client loses readings, not its connection.
        features.GetRequiredFeature<IHttpMinResponseDataRateFeature>().MinDataRate = null;
    }

    /// <summary>Sends what was committed since the client's last event, and where it goes on from if it gets no other.</summary>
    private static async Task BeginAsync(
        HttpContext context, ITelemetryStore store, LiveListener listener, PipeWriter output, CancellationToken cancellationToken)
    {
        var position = listener.Position;
        if (context.Request.Headers[LastEventId].ToString() is { Length: > 0 } last)
        {
            await CatchingUp.WaitAsync(cancellationToken);
            try
            {
                var audience = listener.Audience;
                var since = await store.ReadCommitsAsync(new CommitQuery(last, audience.Sensors, MostCaughtUp), cancellationToken);
                position = since.Position;
                output.Write(since.Missed == 0 ? [] : EventStream.Missed(since.Missed));
                using var events = new LiveEvents();
                foreach (var batch in since.Batches)
                {
                    var readings = events.Write(batch, 0, batch.Count, audience.Metrics);
                    output.Write(events.Bytes);
                    output.Write(readings == 0 ? [] : EventStream.End);
                    await FlushAsync(output, cancellationToken);
                }
            }
            finally
            {
                CatchingUp.Release();
            }
        }

        output.Write(EventStream.Id(position));
        await FlushAsync(output, cancellationToken);
    }

    /// <summary>Until the client goes, its key is revoked, or the server stops.</summary>
    private static async Task SendAsync(
        HttpContext context, LiveHub hub, LiveListener listener, PipeWriter output, CancellationToken cancellationToken)
    {
        var (sent, asked) = (Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp());
        for (var goesOn = true; goesOn;)
        {
            await listener.WaitAsync(KeyInterval, cancellationToken);
            if (Stopwatch.GetElapsedTime(asked) >= KeyInterval)
            {
                if (!await KeyAccess.IsStillAllowedAsync(context))
                {
                    return;
                }

                asked = Stopwatch.GetTimestamp();
            }

            var position = hub.Position;
            goesOn = listener.Take(output, out var isAny);
            if (isAny)
            {
                await FlushAsync(output, cancellationToken);
                sent = Stopwatch.GetTimestamp();
                await Task.Delay(Gathering, cancellationToken);
            }
            else if (Stopwatch.GetElapsedTime(sent) >= HeartbeatInterval)
            {
                output.Write(EventStream.Heartbeat);
                output.Write(EventStream.Id(position));
                await FlushAsync(output, cancellationToken);
                sent = Stopwatch.GetTimestamp();
            }
        }
    }

    private static async Task FlushAsync(PipeWriter output, CancellationToken cancellationToken)
    {
        if ((await output.FlushAsync(cancellationToken)).IsCompleted)
        {
            throw new OperationCanceledException("the client has gone", cancellationToken);
        }
    }
}
