using System.Buffers.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tidemark.Server.Wire;

/// <summary>JSON as it goes over the wire: snake_case, times as RFC 3339 in UTC, letters of every script as they are.</summary>
internal static class WireJson
{
    public static readonly JsonSerializerOptions Options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    public static readonly JsonWriterOptions Fast = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.RespectNullableAnnotations = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.Converters.Add(new InstantConverter());
        options.Converters.Add(new TimeRangeConverter());
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        return options;
    }

    /// <summary>The same text as <see cref="Instant.ToString"/>, without a string.</summary>
    public static void WriteInstant(this Utf8JsonWriter json, JsonEncodedText name, Instant instant)
    {
        Span<byte> text = stackalloc byte[32];
        json.WriteString(name, text[..instant.Format(text)]);
    }

    public static void WriteInstantValue(this Utf8JsonWriter json, Instant instant)
    {
        Span<byte> text = stackalloc byte[32];
        json.WriteStringValue(text[..instant.Format(text)]);
    }

    /// <summary>The period as asked, or null and the range.</summary>
    public static void WriteRange(this Utf8JsonWriter json, RangeQuery query)
    {
        json.WriteString("period"u8, query.Period);
        if (query.Period is null)
        {
            json.WriteString("from"u8, query.Range.From.ToString());
            json.WriteString("to"u8, query.Range.To == Instant.MaxValue ? null : query.Range.To.ToString());
        }
    }

    /// <summary>Writes null for what JSON has no number for.</summary>
    public static void WriteValue(this Utf8JsonWriter json, JsonEncodedText name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    /// <inheritdoc cref="WriteValue(Utf8JsonWriter, JsonEncodedText, double)"/>
    public static void WriteValue(this Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
        {
            Span<byte> text = stackalloc byte[32];
            json.WriteRawValue(text[..NumberText.Format(value, text)], skipInputValidation: true);
        }
        else
        {
            json.WriteNullValue();
        }
    }

    /// <summary>The round-trip format has seven decimals and a zone: what is cut off is always a zero.</summary>
    public static int Format(this Instant instant, Span<byte> text)
    {
        Utf8Formatter.TryFormat(instant.ToDateTime(), text, out _, new('O'));
        var length = instant.Micros % 1_000_000 == 0 ? 19 : 26;
        text[length] = (byte)'Z';
        return length + 1;
    }

    private sealed class InstantConverter : JsonConverter<Instant>
    {
        public override Instant Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => reader.TokenType == JsonTokenType.String && Instant.TryParse(reader.GetString(), out var instant)
                ? instant
                : throw new JsonException("a time is RFC 3339 text with a zone");

        public override void Write(Utf8JsonWriter writer, Instant value, JsonSerializerOptions options) => writer.WriteInstantValue(value);
    }

    private sealed record Ends(Instant From, Instant To);

    private sealed class TimeRangeConverter : JsonConverter<TimeRange>
    {
        public override TimeRange Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var ends = JsonSerializer.Deserialize<Ends>(ref reader, options) ?? throw new JsonException("a range has from and to");
            return new TimeRange(ends.From, ends.To);
        }

        public override void Write(Utf8JsonWriter writer, TimeRange value, JsonSerializerOptions options)
            => JsonSerializer.Serialize(writer, new Ends(value.From, value.To), options);
    }
}
