using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Live;

/// <summary>
/// Events of one sensor's readings of one commit, as they go over the wire but for the last one's end: there each client gets its own id,
/// or none.
/// </summary>
/// <param name="Bytes">Shared by all listeners.</param>
/// <param name="Readings">How many there are.</param>
internal sealed record LiveEvents(byte[] Bytes, int Readings);

/// <summary>Server-sent events, as the HTML standard has them (section 9.2).</summary>
internal static class EventStream
{
    public const string ContentType = "text/event-stream";

    /// <summary>A comment: it keeps proxies from taking the connection for dead.</summary>
    public static ReadOnlySpan<byte> Heartbeat => ":\n"u8;

    public static ReadOnlySpan<byte> End => "\n"u8;

    /// <summary>Where a client that comes back goes on, from the end of the event or block on.</summary>
    public static byte[] Id(string position) => Encoding.ASCII.GetBytes($"id: {position}\n\n");

    public static byte[] Retry(TimeSpan pause)
        => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"retry: {(long)pause.TotalMilliseconds}\n"));

    /// <param name="readings">How many, null when that isn't known.</param>
    public static byte[] Missed(long? readings) => Encoding.ASCII.GetBytes(
        $"event: missed\ndata: {{\"readings\":{readings?.ToString(CultureInfo.InvariantCulture) ?? "null"}}}\n\n");

    /// <summary>The events of some rows, which are one sensor's.</summary>
    /// <param name="batch">With them.</param>
    /// <param name="first">The first row.</param>
    /// <param name="end">Behind the last one.</param>
    /// <param name="metrics">
    /// Those of the events, null where there is no value, and only of readings that have one of them; or null for what each reading has.
    /// </param>
    public static LiveEvents Write(ReadingBatch batch, int first, int end, IReadOnlyList<string>? metrics)
    {
        var places = (metrics ?? batch.Metrics).Select(batch.MetricIndex).ToArray();
        var names = Names.Encode(metrics ?? batch.Metrics);
        var buffer = new ArrayBufferWriter<byte>(128 * (end - first));
        using var json = new Utf8JsonWriter(buffer, WireJson.Fast);
        var readings = 0;
        for (var row = first; row < end; row++)
        {
            if (metrics is not null && !HasValue(batch, row, places))
            {
                continue;
            }

            buffer.Write(readings++ == 0 ? "event: reading\ndata: "u8 : "\nevent: reading\ndata: "u8);
            WriteReading(json, batch, row, places, names, withNulls: metrics is not null);
            json.Flush();
            json.Reset();
            buffer.Write("\n"u8);
        }

        return new LiveEvents(buffer.WrittenSpan.ToArray(), readings);
    }

    private static bool HasValue(ReadingBatch batch, int row, int[] places)
        => Array.Exists(places, place => place >= 0 && !double.IsNaN(batch.Metric(place)[row]));

    private static void WriteReading(
        Utf8JsonWriter json, ReadingBatch batch, int row, int[] places, JsonEncodedText[] names, bool withNulls)
    {
        json.WriteStartObject();
        json.WriteInstant(Names.Time, new Instant(batch.TimesMicros[row]));
        json.WriteString("sensor_id"u8, batch.SensorIds[row]);
        for (var m = 0; m < places.Length; m++)
        {
            var value = places[m] < 0 ? double.NaN : batch.Metric(places[m])[row];
            if (withNulls || !double.IsNaN(value))
            {
                json.WriteValue(names[m], value);
            }
        }

        json.WriteEndObject();
    }
}
