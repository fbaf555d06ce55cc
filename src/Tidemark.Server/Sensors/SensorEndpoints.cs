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

    public static void MapSensors(this IEndpointRouteBuilder app)
    {
        app.MapGet("/api/sensors", ListAsync)
            .Describe(
                "Sensors",
                "Lists every sensor",
                "Ordered by id (code points); a sensor stays listed when retention has dropped its readings.")
            .Answers(_ => ApiSchemas.Sensors);
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
