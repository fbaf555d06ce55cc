using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Sensors;

/// <summary>
/// Last readings as one flat array with a single metric: its columns are the same whatever the metric is, which is what
/// tables of dashboards and alerts on them are made of.
/// </summary>
/// <param name="Metric">Whose values they are.</param>
/// <param name="EpochMillis">Whether times are epoch milliseconds instead of RFC 3339.</param>
internal sealed record CurrentRows(string Metric, bool EpochMillis)
{
    private static readonly JsonEncodedText Value = JsonEncodedText.Encode("value");

    /// <returns>Null where rows are not asked for.</returns>
    public static CurrentRows? Read(IQueryCollection query, TelemetrySchema schema, List<string> errors)
    {
        var format = RangeQuery.Single(query, "format", errors);
        var times = RangeQuery.Single(query, "time_format", errors);
        var metric = MetricsQuery.ReadOne(query, schema, errors);
        if (format is not (null or "json" or "rows"))
        {
            errors.Add($"format '{format}' is not json or rows");
        }

        if (times is not (null or "rfc3339" or "ms"))
        {
            errors.Add($"time_format '{times}' is not rfc3339 or ms");
        }

        if (format != "rows" && (query.ContainsKey("metric") || times is not null))
        {
            errors.Add("metric and time_format are for rows; add format=rows");
        }

        return format == "rows" ? new CurrentRows(metric, times == "ms") : null;
    }

    public async Task WriteAsync(
        HttpResponse response,
        IAsyncEnumerable<ReadingBatch> readings,
        Func<string, TimeSpan> staleAfter,
        Instant now,
        CancellationToken cancellationToken)
    {
        await using var answer = new AnswerWriter(response);
        answer.Json.WriteStartArray();
        await foreach (var batch in readings)
        {
            var place = batch.Metrics.ToList().IndexOf(Metric);
            for (var row = 0; row < batch.Count; row++)
            {
                var silence = TimeSpan.FromMicroseconds(now.Micros - batch.TimesMicros[row]);
                answer.Json.WriteStartObject();
                answer.Json.WriteString("sensor_id"u8, batch.SensorIds[row]);
                WriteTime(answer.Json, new Instant(batch.TimesMicros[row]));
                answer.Json.WriteNumber("age_s"u8, (long)silence.TotalSeconds);
                answer.Json.WriteBoolean("stale"u8, silence > staleAfter(batch.SensorIds[row]));
                answer.Json.WriteValue(Value, place < 0 ? double.NaN : batch.Metric(place)[row]);
                answer.Json.WriteEndObject();
                if (answer.IsFull)
                {
                    await answer.FlushAsync(cancellationToken);
                }
            }
        }

        answer.Json.WriteEndArray();
        await answer.CompleteAsync(cancellationToken);
    }

    private void WriteTime(Utf8JsonWriter json, Instant time)
    {
        if (EpochMillis)
        {
            json.WriteNumber(Names.Time, time.EpochMillis);
        }
        else
        {
            json.WriteInstant(Names.Time, time);
        }
    }
}
