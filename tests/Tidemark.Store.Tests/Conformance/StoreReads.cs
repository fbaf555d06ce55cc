namespace Tidemark.Store.Tests.Conformance;

/// <summary>An aggregate's answer as a whole.</summary>
public sealed record Answer(
    Instant? Watermark, bool Pending, IReadOnlyList<string> Columns, IReadOnlyList<AnswerRow> Rows, Instant? Horizon = null);

/// <summary>Reads streams to their end.</summary>
public static class StoreReads
{
    public static async Task<Answer> AnswerAsync(this ITelemetryStore store, AggregateQuery query, CancellationToken cancellationToken)
    {
        await using var reader = await store.ReadAggregateAsync(query, cancellationToken);
        var rows = new List<AnswerRow>();
        await foreach (var batch in reader.Rows.WithCancellation(cancellationToken))
        {
            rows.AddRange(Enumerable.Range(0, batch.Count).Select(row => new AnswerRow(
                batch.Bucket(row), batch.SensorId(row), batch.ReadingCount(row), [.. Enumerable.Range(0, batch.ColumnCount)
                    .Select(c => batch.Value(row, c))])));
        }

        return new Answer(reader.Watermark, reader.Pending, reader.Columns, rows, reader.Horizon);
    }

    public static Task<Answer> AnswerAsync(
        this ITelemetryStore store,
        string aggregate,
        CancellationToken cancellationToken,
        string? sensorId = null,
        TimeRange? range = null,
        bool fromRaw = false)
        => store.AnswerAsync(new AggregateQuery(aggregate, sensorId, range ?? TimeRange.All, fromRaw), cancellationToken);

    public static async Task<Reading> CurrentAsync(this ITelemetryStore store, string sensorId, CancellationToken cancellationToken)
        => (await store.ReadCurrentAsync(sensorId, cancellationToken))[0];

    /// <summary>The last reading of every sensor, each value by its metric's name.</summary>
    public static async Task<IReadOnlyList<(string SensorId, Instant Time, IReadOnlyDictionary<string, double> Values)>> AllCurrentAsync(
        this ITelemetryStore store, CancellationToken cancellationToken)
    {
        var all = new List<(string, Instant, IReadOnlyDictionary<string, double>)>();
        await foreach (var batch in store.ReadAllCurrentAsync(cancellationToken))
        {
            all.AddRange(Enumerable.Range(0, batch.Count).Select(row => batch[row]).Select(reading => (
                reading.SensorId, reading.Time,
                (IReadOnlyDictionary<string, double>)batch.Metrics.Zip(reading.Values).ToDictionary(v => v.First, v => v.Second))));
        }

        return all;
    }

    public static async Task<IReadOnlyList<SensorInfo>> SensorsAsync(this ITelemetryStore store, CancellationToken cancellationToken)
        => await store.ReadSensorsAsync(cancellationToken).ToListAsync(cancellationToken);

    public static async Task<IReadOnlyList<FleetPoint>> FleetAsync(
        this ITelemetryStore store, FleetQuery query, CancellationToken cancellationToken)
        => await store.ReadFleetAsync(query, cancellationToken).ToListAsync(cancellationToken);

    public static async Task<IReadOnlyList<Reading>> RawAsync(
        this ITelemetryStore store,
        string? sensorId,
        TimeRange range,
        CancellationToken cancellationToken)
    {
        var readings = new List<Reading>();
        await foreach (var batch in store.ReadRawAsync(new RawQuery(sensorId, range), cancellationToken))
        {
            readings.AddRange(Enumerable.Range(0, batch.Count).Select(row => batch[row]));
        }

        return readings;
    }
}
