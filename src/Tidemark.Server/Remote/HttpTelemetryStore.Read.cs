using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Tidemark.Server.Admin;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Remote;

public sealed partial class HttpTelemetryStore
{
    private const int BatchSize = 4096;

    public async Task<ReadingBatch> ReadCurrentAsync(string sensorId, CancellationToken cancellationToken)
    {
        await using var rows = await _server.OpenAsync($"api/admin/current?sensor_id={Uri.EscapeDataString(sensorId)}", cancellationToken);
        var batch = new ReadingBatch(await rows.TakeAsync(RowLines.ReadHead, cancellationToken), 1);
        var values = new double[batch.MetricCount];
        var (id, time) = await rows.TakeAsync(line => new RowLines().ReadReading(line, values), cancellationToken);
        batch.Add(id, time, values);
        return batch;
    }

    public IAsyncEnumerable<ReadingBatch> ReadAllCurrentAsync(CancellationToken cancellationToken)
        => ReadReadingsAsync("api/admin/sensors/current", cancellationToken);

    public IAsyncEnumerable<ReadingBatch> ReadRawAsync(RawQuery query, CancellationToken cancellationToken)
        => ReadReadingsAsync($"api/admin/raw?{Query(query.SensorId, query.Range, query.Metrics)}", cancellationToken);

    private async IAsyncEnumerable<ReadingBatch> ReadReadingsAsync(
        string path,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var rows = await _server.OpenAsync(path, cancellationToken);
        IReadOnlyList<string> metrics = [];
        var more = await rows.TakeManyAsync(1, line => metrics = RowLines.ReadHead(line), cancellationToken);
        var values = new double[metrics.Count];
        var parser = new RowLines();
        while (more)
        {
            var batch = new ReadingBatch(metrics, BatchSize);
            more = await rows.TakeManyAsync(
                BatchSize,
                line =>
                {
                    var (id, time) = parser.ReadReading(line, values);
                    batch.Add(id, time, values);
                },
                cancellationToken);
            if (batch.Count > 0)
            {
                yield return batch;
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    public async Task<AggregateReader> ReadAggregateAsync(AggregateQuery query, CancellationToken cancellationToken)
    {
        var rows = await _server.OpenAsync(
            $"api/admin/aggregates/{Uri.EscapeDataString(query.Aggregate)}?{Query(query.SensorId, query.Range, query.Metrics)}"
                + $"&from_raw={(query.FromRaw ? "true" : "false")}{(query.Partials ? "&partials=true" : "")}",
            cancellationToken);
        try
        {
            var head = await rows.TakeAsync(line => JsonSerializer.Deserialize<AggregateHead>(line, WireJson.Options)!, cancellationToken);
            return new AggregateReader(
                head.Watermark,
                head.Pending,
                head.Columns,
                ReadBuckets(rows, head.Columns.Count, cancellationToken),
                rows.DisposeAsync)
            {
                Horizon = head.Horizon,
            };
        }
        catch
        {
            await rows.DisposeAsync();
            throw;
        }
    }

    public IAsyncEnumerable<FleetPoint> ReadFleetAsync(FleetQuery query, CancellationToken cancellationToken) => ReadLinesAsync(
        $"api/admin/fleet/{Uri.EscapeDataString(query.Aggregate)}?metric={Uri.EscapeDataString(query.Metric)}"
            + $"&{Query(null, query.Range, null)}&from_raw={(query.FromRaw ? "true" : "false")}",
        RowLines.ReadPoint,
        cancellationToken);

    public IAsyncEnumerable<SensorInfo> ReadSensorsAsync(CancellationToken cancellationToken)
        => ReadLinesAsync("api/admin/sensors", RowLines.ReadSensor, cancellationToken);

    private async IAsyncEnumerable<T> ReadLinesAsync<T>(
        string path,
        LineParser<T> parse,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var rows = await _server.OpenAsync(path, cancellationToken);
        var batch = new List<T>();
        for (var more = true; more;)
        {
            more = await rows.TakeManyAsync(BatchSize, line => batch.Add(parse(line)), cancellationToken);
            foreach (var item in batch)
            {
                yield return item;
            }

            batch.Clear();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static async IAsyncEnumerable<AggregateBatch> ReadBuckets(
        RemoteLines rows,
        int columns,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var values = new double[columns];
        var parser = new RowLines();
        for (var more = true; more;)
        {
            var batch = new AggregateBatch(columns, BatchSize);
            more = await rows.TakeManyAsync(
                BatchSize,
                line =>
                {
                    var (id, bucket, count) = parser.ReadBucket(line, values);
                    var row = batch.Add(bucket, id, count);
                    for (var c = 0; c < columns; c++)
                    {
                        batch.Set(row, c, values[c]);
                    }
                },
                cancellationToken);
            if (batch.Count > 0)
            {
                yield return batch;
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    private static string Query(string? sensorId, TimeRange range, IReadOnlyList<string>? metrics)
    {
        var ofSensor = sensorId is null ? "" : $"sensor_id={Uri.EscapeDataString(sensorId)}&";
        var ofMetrics = metrics is null ? "" : $"&metrics={Uri.EscapeDataString(string.Join(',', metrics))}";
        return string.Create(CultureInfo.InvariantCulture, $"{ofSensor}from={range.From.Micros}&to={range.To.Micros}{ofMetrics}");
    }
}
