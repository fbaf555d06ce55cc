using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Live;

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
}

/// <summary>
/// Makes events of readings, in memory that it uses again. They are as they go over the wire but for the last one's end: it gets the id of
/// the commit, or none.
/// </summary>
internal sealed class LiveEvents : IDisposable
{
    // What one large commit took is not kept.
    private const int MostKept = 1 << 20;

    private readonly Utf8JsonWriter _json;
    private ArrayBufferWriter<byte> _buffer = new();
    private ReadingBatch? _batch;
    private IReadOnlyList<string>? _metrics;
    private int[] _places = [];
    private JsonEncodedText[] _names = [];

    public LiveEvents() => _json = new Utf8JsonWriter(_buffer, WireJson.Fast);

    /// <summary>What was written last, until the next is.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.WrittenSpan;

    /// <summary>Writes the events of some rows, which are one sensor's.</summary>
    /// <param name="batch">With them.</param>
    /// <param name="first">The first row.</param>
    /// <param name="end">Behind the last one.</param>
    /// <param name="metrics">
    /// Those of the events, null where there is no value, and only of readings that have one of them; or null for what each reading has.
    /// </param>
    /// <returns>How many there are.</returns>
    public int Write(ReadingBatch batch, int first, int end, IReadOnlyList<string>? metrics)
    {
        Begin(batch, metrics);
        var readings = 0;
        for (var row = first; row < end; row++)
        {
            if (metrics is not null && !HasValue(row))
            {
                continue;
            }

            _buffer.Write(readings++ == 0 ? "event: reading\ndata: "u8 : "\nevent: reading\ndata: "u8);
            WriteReading(row, withNulls: metrics is not null);
            _json.Flush();
            _json.Reset();
            _buffer.Write("\n"u8);
        }

        return readings;
    }

    public void Dispose() => _json.Dispose();

    private void Begin(ReadingBatch batch, IReadOnlyList<string>? metrics)
    {
        if (_buffer.Capacity > MostKept)
        {
            _buffer = new ArrayBufferWriter<byte>();
            _json.Reset(_buffer);
        }

        _buffer.ResetWrittenCount();
        if (ReferenceEquals(batch, _batch) && ReferenceEquals(metrics, _metrics))
        {
            return;
        }

        var names = metrics ?? batch.Metrics;
        if (_batch is null || !names.SequenceEqual(_metrics ?? _batch.Metrics))
        {
            _names = Names.Encode(names);
        }

        (_batch, _metrics) = (batch, metrics);
        _places = [.. names.Select(batch.MetricIndex)];
    }

    private bool HasValue(int row) => Array.Exists(_places, place => place >= 0 && !double.IsNaN(_batch!.Metric(place)[row]));

    private void WriteReading(int row, bool withNulls)
    {
        _json.WriteStartObject();
        _json.WriteInstant(Names.Time, new Instant(_batch!.TimesMicros[row]));
        _json.WriteString("sensor_id"u8, _batch.SensorIds[row]);
        for (var m = 0; m < _places.Length; m++)
        {
            var value = _places[m] < 0 ? double.NaN : _batch.Metric(_places[m])[row];
            if (withNulls || !double.IsNaN(value))
            {
                _json.WriteValue(_names[m], value);
            }
        }

        _json.WriteEndObject();
    }
}
