using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tidemark.Server.Wire;

/// <summary>
/// Rows between two Tidemarks, one JSON array a line: sensor id, microseconds since the epoch, for an aggregate the
/// reading count, then the values. Doubles keep every bit, null stands for NaN. Readings come after a line that names their metrics.
/// </summary>
internal sealed class RowLines
{
    private string _lastSensorId = "";

    public static void WriteHead(Utf8JsonWriter json, ReadingBatch batch)
        => JsonSerializer.Serialize(json, new ReadingsHead(batch.Metrics), WireJson.Options);

    /// <exception cref="JsonException">It is no such line.</exception>
    public static IReadOnlyList<string> ReadHead(ReadOnlySpan<byte> line)
        => JsonSerializer.Deserialize<ReadingsHead>(line, WireJson.Options)?.Metrics is { } metrics
            && metrics.All(m => m is not null && Identifier.IsValid(m)) && metrics.Distinct().Count() == metrics.Count
                ? metrics
                : throw new JsonException("the first line names the metrics, each once");

    private sealed record ReadingsHead([property: JsonRequired] IReadOnlyList<string> Metrics);

    public static void Write(Utf8JsonWriter json, ReadingBatch batch, int row)
    {
        json.WriteStartArray();
        json.WriteStringValue(batch.SensorIds[row]);
        json.WriteNumberValue(batch.TimesMicros[row]);
        for (var m = 0; m < batch.MetricCount; m++)
        {
            json.WriteValue(batch.Metric(m)[row]);
        }

        json.WriteEndArray();
    }

    public static void Write(Utf8JsonWriter json, AggregateBatch batch, int row)
    {
        json.WriteStartArray();
        json.WriteStringValue(batch.SensorId(row));
        json.WriteNumberValue(batch.Bucket(row).Micros);
        json.WriteNumberValue(batch.ReadingCount(row));
        for (var c = 0; c < batch.ColumnCount; c++)
        {
            json.WriteValue(batch.Value(row, c));
        }

        json.WriteEndArray();
    }

    public static void Write(Utf8JsonWriter json, SensorInfo sensor)
    {
        json.WriteStartArray();
        json.WriteStringValue(sensor.SensorId);
        json.WriteNumberValue(sensor.LastReading.Micros);
        json.WriteNumberValue(sensor.TotalReadings);
        json.WriteEndArray();
    }

    public static void Write(Utf8JsonWriter json, FleetPoint point)
    {
        json.WriteStartArray();
        json.WriteNumberValue(point.Bucket.Micros);
        json.WriteValue(point.Average ?? double.NaN);
        json.WriteNumberValue(point.ReadingCount);
        json.WriteEndArray();
    }

    /// <exception cref="JsonException">It is not such a line.</exception>
    public static SensorInfo ReadSensor(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        var (id, last) = new RowLines().ReadKey(ref reader);
        return new SensorInfo(id, last, ReadLong(ref reader));
    }

    /// <inheritdoc cref="ReadSensor"/>
    public static FleetPoint ReadPoint(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        reader.Read();
        var bucket = new Instant(ReadLong(ref reader));
        reader.Read();
        double? average = reader.TokenType == JsonTokenType.Null ? null : reader.GetDouble();
        return new FleetPoint(bucket, average, ReadLong(ref reader));
    }

    /// <param name="line">One array.</param>
    /// <param name="values">As many as the row has.</param>
    /// <exception cref="JsonException">It is not such a row.</exception>
    public (string SensorId, Instant Time) ReadReading(ReadOnlySpan<byte> line, Span<double> values)
    {
        var reader = new Utf8JsonReader(line);
        var key = ReadKey(ref reader);
        ReadValues(ref reader, values);
        return key;
    }

    /// <inheritdoc cref="ReadReading"/>
    public (string SensorId, Instant Bucket, long Count) ReadBucket(ReadOnlySpan<byte> line, Span<double> values)
    {
        var reader = new Utf8JsonReader(line);
        var (sensorId, bucket) = ReadKey(ref reader);
        var count = ReadLong(ref reader);
        ReadValues(ref reader, values);
        return (sensorId, bucket, count);
    }

    private (string SensorId, Instant Time) ReadKey(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType != JsonTokenType.String)
        {
            throw new JsonException("a row is an array that begins with a sensor id");
        }

        if (!reader.ValueTextEquals(_lastSensorId))
        {
            _lastSensorId = reader.GetString()!;
        }

        var micros = ReadLong(ref reader);
        return micros >= Instant.MinValue.Micros && micros <= Instant.MaxValue.Micros
            ? (_lastSensorId, new Instant(micros))
            : throw new JsonException("a row's time lies outside the years 1 to 9999");
    }

    private static long ReadLong(ref Utf8JsonReader reader)
        => reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value)
            ? value
            : throw new JsonException("a row's time or count is a whole number");

    private static void ReadValues(ref Utf8JsonReader reader, Span<double> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = reader.Read() && reader.TokenType == JsonTokenType.Number ? reader.GetDouble()
                : reader.TokenType == JsonTokenType.Null ? double.NaN
                : throw new JsonException($"a row has {values.Length} values, numbers or null");
        }

        if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray || reader.Read())
        {
            throw new JsonException($"a row has {values.Length} values");
        }
    }
}
