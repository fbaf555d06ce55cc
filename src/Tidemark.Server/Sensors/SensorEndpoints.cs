using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Sensors;

internal static class SensorEndpoints
{
    private static readonly JsonEncodedText LastReading = JsonEncodedText.Encode("last_reading");
    private static readonly JsonEncodedText Now = JsonEncodedText.Encode("now");

    public static void MapSensors(this IEndpointRouteBuilder app)
    {
        app.MapGet("/api/sensors", ListAsync)
            .Describe(
                "Sensors",
                "Lists every sensor",
                "Ordered by id (code points); a sensor stays listed when retention has dropped its readings.")
            .Answers(_ => ApiSchemas.Sensors);
        app.MapGet("/api/sensors/current", ReadAllCurrentAsync)
            .Describe(
                "Sensors",
                "The last readings of all sensors",
                "Ordered by id, each with the values that it has and after which silence the sensor is stale.")
            .TakesSensors()
            .TakesCurrentRows()
            .Answers(ApiSchemas.AllCurrent);
        app.MapGet("/api/sensors/{id}/current", ReadCurrentAsync)
            .Describe("Sensors", "A sensor's last reading", "The last by event time, whether or not retention has dropped it since.")
            .TakesSensor()
            .Answers(ApiSchemas.Current);
    }

    private static async Task ListAsync(HttpContext context, ITelemetryStore store, CancellationToken cancellationToken)
    {
        await using var answer = new AnswerWriter(context.Response);
        answer.Json.WriteStartObject();
        answer.Json.WriteStartArray("sensors"u8);
        var count = 0;
        await foreach (var sensor in store.ReadSensorsAsync(cancellationToken))
        {
            count++;
            answer.Json.WriteStartObject();
            answer.Json.WriteString("sensor_id"u8, sensor.SensorId);
            answer.Json.WriteInstant(LastReading, sensor.LastReading);
            answer.Json.WriteNumber("total_readings"u8, sensor.TotalReadings);
            answer.Json.WriteEndObject();
            if (answer.IsFull)
            {
                await answer.FlushAsync(cancellationToken);
            }
        }

        answer.Json.WriteEndArray();
        answer.Json.WriteNumber("count"u8, count);
        answer.Json.WriteEndObject();
        await answer.CompleteAsync(cancellationToken);
    }

    private static async Task ReadAllCurrentAsync(
        HttpContext context, ITelemetryStore store, Cadence cadence, TimeProvider clock, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var sensors = SensorsQuery.Read(context.Request.Query, errors);
        var rows = CurrentRows.Read(context.Request.Query, store.Schema, errors);
        RequestException.ThrowIfAny(errors);
        var batches = Of(sensors, store.ReadAllCurrentAsync(cancellationToken));
        var staleAfter = await cadence.ReadAsync(cancellationToken);
        if (rows is not null)
        {
            await rows.WriteAsync(context.Response, batches, staleAfter, Instant.From(clock.GetUtcNow()), cancellationToken);
            return;
        }

        await using var answer = new AnswerWriter(context.Response);
        answer.Json.WriteStartObject();
        answer.Json.WriteInstant(Now, Instant.From(clock.GetUtcNow()));
        WriteMetrics(answer.Json, store.Schema.Metrics);
        answer.Json.WriteStartArray("sensors"u8);
        var count = 0;
        await foreach (var batch in batches)
        {
            var names = Names.Encode(batch.Metrics);
            for (var row = 0; row < batch.Count; row++)
            {
                WriteCurrent(answer.Json, batch, row, names, staleAfter(batch.SensorIds[row]));
                if (answer.IsFull)
                {
                    await answer.FlushAsync(cancellationToken);
                }
            }

            count += batch.Count;
        }

        answer.Json.WriteEndArray();
        answer.Json.WriteNumber("count"u8, count);
        answer.Json.WriteEndObject();
        await answer.CompleteAsync(cancellationToken);
    }

    private static IAsyncEnumerable<ReadingBatch> Of(SensorSelection sensors, IAsyncEnumerable<ReadingBatch> batches) => sensors.IsAll
        ? batches
        : batches.Select(batch => batch.Take(
            [.. Enumerable.Range(0, batch.Count).Where(row => sensors.Matches(batch.SensorIds[row]))]));

    private static void WriteMetrics(Utf8JsonWriter json, IReadOnlyList<Metric> metrics)
    {
        json.WriteStartArray("metrics"u8);
        foreach (var metric in metrics)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, metric.Name);
            json.WriteString("unit"u8, metric.Unit);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>A metric without a value is left out: a sensor has few of all that there are.</summary>
    private static void WriteCurrent(Utf8JsonWriter json, ReadingBatch batch, int row, JsonEncodedText[] names, TimeSpan staleAfter)
    {
        json.WriteStartObject();
        json.WriteString("sensor_id"u8, batch.SensorIds[row]);
        json.WriteInstant(Names.Time, new Instant(batch.TimesMicros[row]));
        json.WriteNumber("stale_after_s"u8, (long)staleAfter.TotalSeconds);
        json.WriteStartObject("values"u8);
        for (var m = 0; m < names.Length; m++)
        {
            if (batch.Metric(m)[row] is var value && !double.IsNaN(value))
            {
                json.WriteNumber(names[m], value);
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static async Task ReadCurrentAsync(HttpContext context, ITelemetryStore store, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var id = SensorPath.Read(context, errors);
        RequestException.ThrowIfAny(errors);
        var batch = await store.ReadCurrentAsync(id, cancellationToken);
        var (reading, names) = (batch[0], Names.Encode(batch.Metrics));

        await using var answer = new AnswerWriter(context.Response);
        answer.Json.WriteStartObject();
        answer.Json.WriteInstant(Names.Time, reading.Time);
        answer.Json.WriteString("sensor_id"u8, reading.SensorId);
        for (var m = 0; m < names.Length; m++)
        {
            answer.Json.WriteValue(names[m], reading.Values[m]);
        }

        answer.Json.WriteEndObject();
        await answer.CompleteAsync(cancellationToken);
    }
}
