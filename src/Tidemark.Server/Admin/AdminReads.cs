using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Admin;

internal static class AdminReads
{
    private const string RowsDescription = "Rows as NDJSON, readings after a line that names their metrics: arrays of sensor id, "
        + "microseconds since the epoch, ";

    private const int MostDocuments = 10_000;

    public static void MapAdminReads(this RouteGroupBuilder group)
    {
        group.MapGet("/configuration", (ITelemetryStore store, TidemarkOptions options) => StoreDescription.Of(store.Schema, options))
            .Describe("Admin", "The telemetry schema", "Metrics and aggregates as configured, and the settings that are the store's own.");
        group.MapGet("/horizon", async (ITelemetryStore store, CancellationToken cancellationToken) => new Horizon(
            await store.ReadRawHorizonAsync(cancellationToken)))
            .Describe(
                "Admin",
                "How far raw readings reach back",
                "Readings before the horizon are refused; null when nothing was dropped.");
        group.MapGet("/jobs", async (ITelemetryStore store, Scheduler scheduler, CancellationToken cancellationToken)
                => (IReadOnlyList<JobStatus>)[.. await store.ReadJobsAsync(cancellationToken), .. scheduler.Jobs])
            .Describe("Admin", "Scheduled maintenance", "How each job last went, as in the status, without the rest of it.");
        group.MapGet("/documents", (string? prefix, string? after, int limit, ITelemetryStore store, CancellationToken cancellationToken)
                => store.ReadDocumentsAsync(prefix ?? "", after ?? "", Math.Clamp(limit, 1, MostDocuments), cancellationToken))
            .Describe("Admin", "Reads documents", "Small texts that are kept beside readings, in the order of their names.")
            .TakesQuery("prefix", "after", "limit");
        group.MapGet("/current", ReadCurrentAsync)
            .Describe("Admin", "A sensor's last reading as a row", RowsDescription + "and the values.")
            .TakesQuery("sensor_id")
            .AnswersLines();
        group.MapGet("/sensors/current", ReadAllCurrentAsync)
            .Describe("Admin", "The last readings of all sensors", RowsDescription + "and the values.")
            .AnswersLines();
        group.MapGet("/raw", ReadRawAsync)
            .Describe(
                "Admin",
                "Raw readings of one sensor or of all",
                RowsDescription + "and the values. from and to are microseconds since the epoch.")
            .IsHeavy()
            .TakesQuery(RowsQuery.Names)
            .AnswersLines();
        group.MapGet("/aggregates/{aggregate}", ReadAggregateAsync)
            .Describe(
                "Admin",
                "An aggregate of one sensor or of all",
                "First an object with watermark, pending, the columns and the horizon. " + RowsDescription
                    + "the reading count, and the columns.")
            .TakesAggregate()
            .IsHeavy()
            .TakesQuery(RowsQuery.Names)
            .AnswersLines();
        group.MapGet("/commits", CommitLines.FollowAsync)
            .Describe("Admin", "Readings as they are committed", "NDJSON, without an end: a line with the commit's position, its metrics "
                + "and the number of rows, then " + "the rows: arrays of sensor id, microseconds since the epoch, and the values.")
            .AnswersLines();
        group.MapGet("/commits/since", CommitLines.ReadSinceAsync)
            .Describe("Admin", "Readings that were committed after a position", "NDJSON: a line with the position to go on from, how many "
                + "readings were left out and the number of batches, then those as /api/admin/commits has commits.")
            .IsHeavy()
            .TakesQuery("after", "sensors", "limit")
            .AnswersLines();
        group.MapGet("/sensors", ReadSensorsAsync)
            .Describe("Admin", "Every sensor", "NDJSON: arrays of sensor id, the last reading's microseconds since the epoch, and how "
                + "many there are.")
            .AnswersLines();
        group.MapGet("/fleet/{aggregate}", ReadFleetAsync)
            .Describe("Admin", "One metric over all sensors", "NDJSON: arrays of the bucket's start in microseconds since the epoch, the "
                + "average or null, and the readings.")
            .TakesAggregate()
            .TakesQuery("metric")
            .IsHeavy()
            .TakesQuery(RowsQuery.Names)
            .AnswersLines();
    }

    private static async Task ReadCurrentAsync(
        HttpContext context,
        [FromQuery(Name = "sensor_id")] string sensorId,
        ITelemetryStore store,
        CancellationToken cancellationToken)
    {
        var batch = await store.ReadCurrentAsync(sensorId, cancellationToken);
        await using var answer = Begin(context);
        await WriteAsync(answer, new[] { batch }.ToAsyncEnumerable(), cancellationToken);
    }

    private static async Task ReadAllCurrentAsync(HttpContext context, ITelemetryStore store, CancellationToken cancellationToken)
    {
        await using var answer = Begin(context);
        await WriteAsync(answer, store.ReadAllCurrentAsync(cancellationToken), cancellationToken);
    }

    private static async Task ReadRawAsync(
        HttpContext context,
        [AsParameters] RowsQuery query,
        ITelemetryStore store,
        CancellationToken cancellationToken)
    {
        await using var answer = Begin(context);
        var batches = store.ReadRawAsync(new RawQuery(query.SensorId, query.Range) { Metrics = query.MetricNames }, cancellationToken);
        await WriteAsync(answer, batches, cancellationToken);
    }

    private static async Task WriteAsync(AnswerWriter answer, IAsyncEnumerable<ReadingBatch> batches, CancellationToken cancellationToken)
    {
        var isFirst = true;
        await foreach (var batch in batches)
        {
            if (isFirst)
            {
                RowLines.WriteHead(answer.Json, batch);
                answer.EndLine();
                isFirst = false;
            }

            for (var row = 0; row < batch.Count; row++)
            {
                RowLines.Write(answer.Json, batch, row);
                await EndLineAsync(answer, cancellationToken);
            }
        }

        await answer.CompleteAsync(cancellationToken);
    }

    private static async Task ReadAggregateAsync(
        HttpContext context, string aggregate, [AsParameters] RowsQuery query, ITelemetryStore store, CancellationToken cancellationToken)
    {
        await using var reader = await store.ReadAggregateAsync(
            new AggregateQuery(aggregate, query.SensorId, query.Range, query.IsFromRaw)
            {
                Metrics = query.MetricNames,
                Partials = query.Partials == true,
            },
            cancellationToken);
        await using var answer = Begin(context);
        var head = new AggregateHead(reader.Watermark, reader.Pending, reader.Columns, reader.Horizon);
        JsonSerializer.Serialize(answer.Json, head, WireJson.Options);
        answer.EndLine();
        await foreach (var batch in reader.Rows.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                RowLines.Write(answer.Json, batch, row);
                await EndLineAsync(answer, cancellationToken);
            }
        }

        await answer.CompleteAsync(cancellationToken);
    }

    private static async Task ReadSensorsAsync(HttpContext context, ITelemetryStore store, CancellationToken cancellationToken)
    {
        await using var answer = Begin(context);
        await foreach (var sensor in store.ReadSensorsAsync(cancellationToken))
        {
            RowLines.Write(answer.Json, sensor);
            await EndLineAsync(answer, cancellationToken);
        }

        await answer.CompleteAsync(cancellationToken);
    }

    private static async Task ReadFleetAsync(
        HttpContext context, string aggregate, string metric, [AsParameters] RowsQuery query, ITelemetryStore store,
        CancellationToken cancellationToken)
    {
        await using var answer = Begin(context);
        var fleet = new FleetQuery(aggregate, metric, query.Range, query.IsFromRaw);
        await foreach (var point in store.ReadFleetAsync(fleet, cancellationToken))
        {
            RowLines.Write(answer.Json, point);
            await EndLineAsync(answer, cancellationToken);
        }

        await answer.CompleteAsync(cancellationToken);
    }

    private static ValueTask EndLineAsync(AnswerWriter answer, CancellationToken cancellationToken)
    {
        answer.EndLine();
        return answer.IsFull ? answer.FlushAsync(cancellationToken) : ValueTask.CompletedTask;
    }

    /// <summary>Another Tidemark may take its time between two rows.</summary>
    private static AnswerWriter Begin(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpMinResponseDataRateFeature>().MinDataRate = null;
        return new AnswerWriter(context.Response, Ndjson.ContentType);
    }
}

internal sealed record RowsQuery
{
    public static readonly string[] Names = ["sensor_id", "from", "to", "from_raw", "metrics", "partials"];

    /// <summary>One sensor, or null for all.</summary>
    [FromQuery(Name = "sensor_id")]
    public string? SensorId { get; init; }

    /// <summary>Microseconds since the epoch.</summary>
    public required long From { get; init; }

    /// <summary>Microseconds since the epoch, exclusive.</summary>
    public required long To { get; init; }

    /// <summary>Compute aggregates from raw readings.</summary>
    [FromQuery(Name = "from_raw")]
    public bool? FromRaw { get; init; }

    /// <summary>Their names, separated by commas.</summary>
    public string? Metrics { get; init; }

    /// <summary>Give what averages are made of.</summary>
    public bool? Partials { get; init; }

    public IReadOnlyList<string>? MetricNames => Metrics?.Split(',');

    public bool IsFromRaw => FromRaw == true;

    /// <exception cref="RequestException">An end lies outside the years 1 to 9999.</exception>
    public TimeRange Range
    {
        get
        {
            var valid = Math.Min(From, To) >= Instant.MinValue.Micros && Math.Max(From, To) <= Instant.MaxValue.Micros;
            return valid
                ? new TimeRange(new Instant(From), new Instant(To))
                : throw new RequestException(["from and to are microseconds since the epoch, between the years 1 and 9999"]);
        }
    }
}

/// <param name="Watermark">The exclusive end of the last materialised bucket.</param>
/// <param name="Pending">Whether a late write waits for the next refresh.</param>
/// <param name="Columns">The names of a row's values.</param>
/// <param name="Horizon">The largest bucket end that retention dropped.</param>
internal sealed record AggregateHead(Instant? Watermark, bool Pending, IReadOnlyList<string> Columns, Instant? Horizon);
