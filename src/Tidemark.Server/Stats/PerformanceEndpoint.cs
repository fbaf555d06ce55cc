using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Stats;

/// <param name="TimeMs">From asking to the last row.</param>
/// <param name="DataPoints">Rows.</param>
public sealed record QueryTiming(double TimeMs, long DataPoints);

/// <summary>The same rows twice: computed from raw readings, and read from the finest aggregate.</summary>
/// <param name="SensorId">Whose.</param>
/// <param name="Period">Always <c>7 days</c>.</param>
/// <param name="RawQuery">Computed from raw readings.</param>
/// <param name="AggregateQuery">Read from the aggregate.</param>
/// <param name="DataFrom">Where retention has dropped raw readings of the seven days: from when on there are any.</param>
/// <param name="Speedup">How many times faster the aggregate is, such as <c>14.3x</c>.</param>
/// <param name="ImprovementPercent">The share of the time that the aggregate saves.</param>
public sealed record PerformanceAnswer(
    string SensorId, string Period, QueryTiming RawQuery, QueryTiming AggregateQuery, Instant? DataFrom, string Speedup,
    double ImprovementPercent);

internal static class PerformanceEndpoint
{
    private static readonly Period Week = new(7, 'd');

    public static void MapPerformance(this IEndpointRouteBuilder app)
        => app.MapGet("/api/stats/performance", MeasureAsync)
            .Describe(
                "Stats",
                "Raw against aggregate",
                "Runs the same seven days of one sensor twice, computed from raw readings and read from the finest aggregate, and "
                    + "compares.")
            .TakesSensorInQuery();

    private static async Task<PerformanceAnswer> MeasureAsync(
        HttpContext context,
        ITelemetryStore store,
        TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var id = await ReadSensorAsync(context.Request.Query, store, cancellationToken);
        var query = new AggregateQuery(store.Schema.Finest.Name, id, Week.Until(Instant.From(clock.GetUtcNow())));
        var raw = await RunAsync(store, query with { FromRaw = true }, cancellationToken);
        var aggregate = await RunAsync(store, query, cancellationToken);
        var horizon = await store.ReadRawHorizonAsync(cancellationToken);
        var factor = raw.TimeMs / aggregate.TimeMs;
        return new PerformanceAnswer(
            id, "7 days", raw, aggregate, query.Range.From < horizon ? horizon : null,
            string.Create(CultureInfo.InvariantCulture, $"{factor:0.0}x"), Math.Round(100 * (1 - (1 / factor)), 1));
    }

    /// <summary>The sensor asked for, else the first one.</summary>
    private static async Task<string> ReadSensorAsync(IQueryCollection query, ITelemetryStore store, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var id = RangeQuery.Single(query, "sensor_id", errors);
        if (id is not null && SensorId.Check(id) is { } error)
        {
            errors.Add(error);
        }

        RequestException.ThrowIfAny(errors);
        if (id is not null)
        {
            return id;
        }

        return (await store.ReadSensorsAsync(cancellationToken).FirstOrDefaultAsync(cancellationToken))?.SensorId
            ?? throw new RequestException(["there is no sensor yet"], StatusCodes.Status404NotFound);
    }

    private static async Task<QueryTiming> RunAsync(ITelemetryStore store, AggregateQuery query, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var rows = 0L;
        await using var reader = await store.ReadAggregateAsync(query, cancellationToken);
        await foreach (var batch in reader.Rows.WithCancellation(cancellationToken))
        {
            rows += batch.Count;
        }

        // Never 0, because the times are divided.
        return new QueryTiming(Math.Max(0.001, Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 3)), rows);
    }
}
