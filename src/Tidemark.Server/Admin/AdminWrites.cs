using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Admin;

/// <summary>
/// Writes a batch of another Tidemark. Its settings may be others, so every reading is checked against this server's; the store itself
/// refuses what is older than retention.
/// </summary>
internal static class AdminWrites
{
    public static async Task<WriteResult> WriteAsync(
        HttpContext context,
        [FromQuery(Name = "import_id")] string? importId,
        bool? merge,
        ITelemetryStore store,
        TidemarkOptions options,
        TimeProvider clock,
        WriteRoom room,
        CancellationToken cancellationToken)
    {
        using var whole = room.ForBody(context.Request);
        ReadingBatch? batch = null;
        ReadingValidator? validator = null;
        var (taken, refused) = (new List<int>(), new List<RefusedReading>());
        var rows = new RowLines();
        double[] values = [];
        using var lines = new LineReader(context.Request.BodyReader, options.Server.MaxLine);
        while (await lines.FillAsync(cancellationToken))
        {
            if (batch?.Count * (batch?.MetricCount + 2L) * sizeof(double) > WriteRoom.Free)
            {
                await whole.TakeAsync(cancellationToken);
            }

            while (lines.TryTake())
            {
                if (batch is null || validator is null)
                {
                    var metrics = ReadHead(lines);
                    batch = new ReadingBatch(metrics) { ImportId = importId, Mode = merge == true ? WriteMode.Merge : WriteMode.Replace };
                    validator = new ReadingValidator(metrics, store.Schema, options.MaxSkew, clock, options.OldestTime, rawHorizon: null);
                    values = new double[metrics.Count];
                    continue;
                }

                var (sensorId, time) = Read(rows, lines, values);
                var row = taken.Count + refused.Count;
                if (validator.Check(sensorId, time, values) is { } error)
                {
                    refused.Add(new RefusedReading(row, error));
                }
                else
                {
                    batch.Add(sensorId, time, values);
                    taken.Add(row);
                }
            }
        }

        var result = batch is null or { Count: 0 } ? default : await store.WriteAsync(batch, cancellationToken);
        var byStore = result.Refusals?.Select(r => r with { Row = taken[r.Row] }) ?? [];
        return result.Refuse([.. refused.Concat(byStore).OrderBy(r => r.Row)]);
    }

    private static (string SensorId, Instant Time) Read(RowLines rows, LineReader lines, double[] values)
    {
        try
        {
            var (sensorId, time) = rows.ReadReading(lines.Line, values);
            return (SensorId.Check(sensorId) ?? (values.Any(double.IsInfinity) ? "a value is infinite" : null)) is { } error
                ? throw new RequestException([$"line {lines.Number}: {error}"])
                : (sensorId, time);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RequestException([$"line {lines.Number}: {e.Message}"]);
        }
    }

    private static IReadOnlyList<string> ReadHead(LineReader lines)
    {
        try
        {
            return RowLines.ReadHead(lines.Line);
        }
        catch (JsonException)
        {
            throw new RequestException(["the first line does not name the metrics: use the same version on both sides"]);
        }
    }
}
