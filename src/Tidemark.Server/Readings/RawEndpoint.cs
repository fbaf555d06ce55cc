using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Configuration;
using Tidemark.Series;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Series;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Readings;

internal static class RawEndpoint
{
    private const string DefaultPeriod = "1d";

    public static void MapRaw(this IEndpointRouteBuilder app)
        => app.MapGet("/api/sensors/{id}/raw", ReadAsync)
            .Describe("Readings", "A sensor's raw readings", "Ascending by time.")
            .TakesSensor()
            .TakesMetrics()
            .TakesText("points", "Thins the readings out to so many by LTTB, spikes kept. Without it all are answered.")
            .TakesRange(DefaultPeriod)
            .Answers(ApiSchemas.Raw);

    private static async Task ReadAsync(
        HttpContext context, ITelemetryStore store, TidemarkOptions options, TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var id = SensorPath.Read(context, errors);
        var query = RangeQuery.Read(context.Request.Query, DefaultPeriod, clock, errors);
        var metrics = MetricsQuery.Read(context.Request.Query, errors);
        var points = RangeQuery.Single(context.Request.Query, "points", errors);
        var thinned = new SeriesParameters { Points = points }.ToQuery(store.Schema, query.Range, Instant.From(clock.GetUtcNow()), errors);
        RequestException.ThrowIfAny(errors);

        await using var answer = new AnswerWriter(context.Response);
        var series = new SeriesAnswer(answer, options.Server.MaxRows);
        series.Json.WriteStartObject();
        series.Json.WriteString("sensor_id"u8, id);
        series.WriteRange(query);
        series.BeginData();
        if (points is not null)
        {
            await WriteThinnedAsync(
                store,
                series,
                thinned with
                {
                    Sensors = [$"{SensorSelection.Of(id)}"],
                    Metrics = metrics,
                    Bucket = SeriesBucket.Raw,
                    Downsampling = Downsampling.Lttb,
                },
                cancellationToken);
            await series.EndRawAsync(store, query.Range, cancellationToken);
            return;
        }

        var isBegun = false;
        await foreach (var batch in store.ReadRawAsync(new RawQuery(id, query.Range) { Metrics = metrics }, cancellationToken))
        {
            if (!isBegun)
            {
                series.BeginRows(batch.Metrics);
                isBegun = true;
            }

            for (var row = 0; row < batch.Count; row++)
            {
                if (!TryWrite(series, batch, row))
                {
                    await series.EndRawAsync(store, query.Range, cancellationToken);
                    return;
                }

                await series.FlushIfFullAsync(cancellationToken);
            }
        }

        await series.EndRawAsync(store, query.Range, cancellationToken);
    }

    private static async Task WriteThinnedAsync(
        ITelemetryStore store,
        SeriesAnswer answer,
        SeriesQuery query,
        CancellationToken cancellationToken)
    {
        await using var reader = await store.ReadSeriesAsync(query, cancellationToken);
        await foreach (var series in reader.ReadAsync(cancellationToken))
        {
            await PlainRows.WriteAsync(answer, series, cancellationToken);
        }
    }

    private static bool TryWrite(SeriesAnswer series, ReadingBatch batch, int row)
    {
        if (!series.TryBeginRow(new Instant(batch.TimesMicros[row])))
        {
            return false;
        }

        for (var m = 0; m < batch.MetricCount; m++)
        {
            series.Rows.Add(batch.Metric(m)[row]);
        }

        series.Rows.EndRow();
        return true;
    }
}
