using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Tidemark.Configuration;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Admin;

internal static class AdminWrites
{
    public static async Task<WriteResult> WriteAsync(
        HttpContext context,
        [FromQuery(Name = "import_id")] string? importId,
        ITelemetryStore store,
        TidemarkOptions options,
        CancellationToken cancellationToken)
    {
        var batch = new ReadingBatch(store.Schema.Metrics.Count) { ImportId = importId };
        var rows = new RowLines();
        var values = new double[batch.MetricCount];
        using var lines = new LineReader(context.Request.BodyReader, options.Server.MaxLine);
        while (await lines.FillAsync(cancellationToken))
        {
            while (lines.TryTake())
            {
                Add(batch, rows, lines, values);
            }
        }

        return batch.Count == 0 ? default : await store.WriteAsync(batch, cancellationToken);
    }

    private static void Add(ReadingBatch batch, RowLines rows, LineReader lines, double[] values)
    {
        try
        {
            var (sensorId, time) = rows.ReadReading(lines.Line, values);
            if ((SensorId.Check(sensorId) ?? (values.Any(double.IsInfinity) ? "a value is infinite" : null)) is { } error)
            {
                throw new RequestException([$"line {lines.Number}: {error}"]);
            }

            batch.Add(sensorId, time, values);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RequestException([$"line {lines.Number}: {e.Message}"]);
        }
    }
}
