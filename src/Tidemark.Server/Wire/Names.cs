using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tidemark.Server.Wire;

/// <summary>Every property name that rows are written with, encoded once.</summary>
internal sealed class Names(TelemetrySchema schema)
{
    public static readonly JsonEncodedText Time = Encode("time");
    public static readonly JsonEncodedText Average = Encode("average");
    public static readonly JsonEncodedText ReadingCount = Encode("reading_count");

    private readonly Dictionary<string, JsonEncodedText[]> _columns = schema.Aggregates
        .ToDictionary(a => a.Name, a => a.Columns.Select(Encode).ToArray());

    /// <summary>In the schema's order.</summary>
    public JsonEncodedText[] Metrics { get; } = [.. schema.Metrics.Select(m => Encode(m.Name))];

    /// <summary>In the order of <see cref="AggregateDefinition.Columns"/>.</summary>
    public JsonEncodedText[] Columns(AggregateDefinition aggregate) => _columns[aggregate.Name];

    private static JsonEncodedText Encode(string name) => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
}
