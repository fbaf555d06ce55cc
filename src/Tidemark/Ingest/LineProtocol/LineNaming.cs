using System.Text;

namespace Tidemark.Ingest.LineProtocol;

/// <summary>How lines name sensors and metrics.</summary>
/// <param name="SensorIds">The first whose tags a line has makes its sensor id. Without one it is the measurement and the values of the
/// tags in the order of their keys, with <c>/</c> between them.</param>
/// <param name="BareMeasurements">Their fields are metrics by their own names; of others the measurement stands before.</param>
public sealed record LineNaming(IReadOnlyList<SensorIdSource> SensorIds, IReadOnlyList<string> BareMeasurements)
{
    public static readonly IReadOnlyList<string> DefaultSensorIds = ["sensor_id", "sensor", "device_id", "device", "host"];

    public static readonly LineNaming Default = new(
        [.. DefaultSensorIds.Select(SensorIdSource.Tag)],
        [TelemetrySchema.RawTable]);

    /// <summary>The same but for what is said otherwise.</summary>
    /// <param name="sensorIds">Tags and templates with <c>;</c> between them, or nothing for what there is.</param>
    /// <param name="bareMeasurements">Likewise measurements.</param>
    /// <param name="errors">Gets what is wrong.</param>
    public LineNaming With(string? sensorIds, string? bareMeasurements, ICollection<string> errors)
    {
        var sources = new List<SensorIdSource>();
        foreach (var text in Split(sensorIds))
        {
            if (SensorIdSource.TryParse(text, out var source))
            {
                sources.Add(source!);
            }
            else
            {
                errors.Add($"'{Sent.Shorten(text)}' is not a tag, or a template such as {{site}}/{{device}}; several with ;");
            }
        }

        return new LineNaming(
            sensorIds is null ? SensorIds : sources,
            bareMeasurements is null ? BareMeasurements : Split(bareMeasurements));
    }

    private static string[] Split(string? list)
        => (list ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <returns>Null, or what is wrong with the id that the line's tags make.</returns>
    internal string? MakeSensorId(in Line line, out string id)
    {
        const string Remedy = "send a tag sensor_id, or name the tags that make the id";
        foreach (var source in SensorIds)
        {
            if (source.Make(line) is { } made)
            {
                id = made;
                return SensorId.Check(id) is { } error ? $"{error}, which tags made: '{Sent.Shorten(id)}'" : null;
            }
        }

        var joined = new StringBuilder(Encoding.UTF8.GetString(line.Measurement));
        for (var tag = 0; tag < line.TagCount; tag++)
        {
            joined.Append('/').Append(Encoding.UTF8.GetString(line.Tag(tag).Value));
        }

        id = joined.ToString();
        return SensorId.Check(id) is { } wrong ? $"{wrong}, made of the measurement and all tags: '{Sent.Shorten(id)}'; {Remedy}" : null;
    }

    /// <returns>Null, or why there is no metric for the field.</returns>
    internal string? MakeMetric(string measurement, string field, out string metric)
    {
        string[] parts = BareMeasurements.Contains(measurement) ? [field] : field == "value" ? [measurement] : [measurement, field];
        var name = string.Join('_', parts);
        metric = MetricName.From(name) ?? "";
        var wrong = metric.Length == 0 ? name : parts.FirstOrDefault(part => MetricName.From(part) is null);
        return wrong is not null
                ? $"'{Sent.Shorten(wrong)}' does not have {MetricName.Form} for a metric name: rename the field or the measurement"
            : null;
    }
}
