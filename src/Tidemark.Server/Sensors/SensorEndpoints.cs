using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Sensors;

/// <summary>Every sensor that ever wrote.</summary>
/// <param name="Sensors">Ordered by id.</param>
/// <param name="Count">How many.</param>
public sealed record SensorsAnswer(IReadOnlyList<SensorInfo> Sensors, int Count);

internal static class SensorEndpoints
{
    public static void MapSensors(this IEndpointRouteBuilder app)
    {
        app.MapGet("/api/sensors", ListAsync)
            .Describe(
                "Sensors",
                "Lists every sensor",
                "Ordered by id (ordinal); a sensor stays listed when retention has dropped its readings.");
        app.MapGet("/api/sensors/{id}/current", ReadCurrentAsync)
            .Describe("Sensors", "A sensor's last reading", "The last by event time, whether or not retention has dropped it since.")
            .TakesSensor()
            .Answers(ApiSchemas.Current);
    }

    private static async Task<SensorsAnswer> ListAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var sensors = await store.ListSensorsAsync(cancellationToken);
        return new SensorsAnswer(sensors, sensors.Count);
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
