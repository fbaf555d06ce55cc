using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tidemark.Cli;

/// <summary>Results for programs: snake_case, times RFC 3339 UTC, ranges as <c>from</c> and <c>to</c>, as a server answers.</summary>
internal static class ResultJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new InstantConverter(), new TimeRangeConverter(), new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower),
        },
    };

    public static string Serialize<T>(T result) => JsonSerializer.Serialize(result, Options);

    private sealed class InstantConverter : JsonConverter<Instant>
    {
        public override Instant Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Instant value, JsonSerializerOptions options)
            => writer.WriteStringValue(value.ToString());
    }

    private sealed class TimeRangeConverter : JsonConverter<TimeRange>
    {
        public override TimeRange Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, TimeRange value, JsonSerializerOptions options)
            => JsonSerializer.Serialize(writer, new { value.From, value.To }, options);
    }
}
