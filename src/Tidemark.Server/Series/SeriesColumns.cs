using System.Text.Json;
using Tidemark.Series;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Series;

/// <summary>
/// An answer as JSON by columns. Columns come one after the other, so a series is held until it has ended; one of very many values is
/// written in several parts.
/// </summary>
/// <param name="answer">Where it goes.</param>
/// <param name="query">The question.</param>
/// <param name="maxRows">The answer stops there, and says so.</param>
/// <param name="epochMillis">Whether times are epoch milliseconds instead of RFC 3339.</param>
internal sealed class SeriesColumns(AnswerWriter answer, SeriesQuery query, int maxRows, bool epochMillis)
{
    private const int PartValues = 1 << 18;

    // Those of one part.
    private readonly List<(SeriesBatch Batch, int Rows)> _held = [];
    private bool _hasCounts;
    private int _heldRows;
    private int _rows;

    private Utf8JsonWriter Json => answer.Json;

    /// <param name="reader">The answer.</param>
    /// <param name="writeHead">Adds members that say what was asked.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    public async Task WriteAsync(SeriesReader reader, Action<Utf8JsonWriter> writeHead, CancellationToken cancellationToken)
    {
        _hasCounts = reader.Width is not null;
        Json.WriteStartObject();
        writeHead(Json);
        Json.WriteString("source"u8, reader.Source);
        Json.WriteString("bucket"u8, reader.Bucket);
        Json.WriteString("tz"u8, query.Zone.Id);
        Json.WriteStartArray("series"u8);
        (string SensorId, Instant From)? next = null;
        await foreach (var series in reader.ReadAsync(cancellationToken))
        {
            if (await WriteAsync(series, cancellationToken) is { } from)
            {
                next = (series.SensorId, from);
                break;
            }
        }

        Json.WriteEndArray();
        Json.WriteNumber("data_points"u8, _rows);
        if (next is { } rest)
        {
            Json.WriteBoolean("truncated"u8, true);
            Json.WriteString("next_sensor"u8, rest.SensorId);
            Json.WriteString("next_from"u8, rest.From.ToString());
        }

        Json.WriteEndObject();
    }

    /// <returns>Where a next request goes on, when the answer is full.</returns>
    private async ValueTask<Instant?> WriteAsync(SensorSeries series, CancellationToken cancellationToken)
    {
        var partRows = Math.Max(1, PartValues / (series.Columns.Count + 1));
        var isBegun = false;
        await foreach (var batch in series.Batches.WithCancellation(cancellationToken))
        {
            var rows = Math.Min(batch.Count, maxRows - _rows);
            _held.Add((batch, rows));
            _heldRows += rows;
            _rows += rows;
            if (rows < batch.Count)
            {
                await WritePartAsync(series, cancellationToken);
                return new Instant(batch.TimesMicros[rows]);
            }

            if (_heldRows >= partRows)
            {
                await WritePartAsync(series, cancellationToken);
                isBegun = true;
            }
        }

        if (!isBegun || _heldRows > 0)
        {
            await WritePartAsync(series, cancellationToken);
        }

        return null;
    }

    private async ValueTask WritePartAsync(SensorSeries series, CancellationToken cancellationToken)
    {
        Json.WriteStartObject();
        Json.WriteString("sensor_id"u8, series.SensorId);
        Json.WriteString("watermark"u8, series.Watermark?.ToString());
        Json.WriteBoolean("pending"u8, series.Pending);
        Json.WriteBoolean("complete"u8, series.Complete);
        Json.WriteString("data_from"u8, series.DataFrom?.ToString());
        Json.WriteStartArray("time"u8);
        await WriteAsync(WriteTime, cancellationToken);
        Json.WriteEndArray();
        Json.WriteStartObject("values"u8);
        for (var column = 0; column < series.Columns.Count; column++)
        {
            var place = column;
            Json.WriteStartArray(series.Columns[column].Name);
            await WriteAsync((batch, row) => Json.WriteValue(batch.Column(place)[row]), cancellationToken);
            Json.WriteEndArray();
        }

        Json.WriteEndObject();
        if (_hasCounts)
        {
            await WriteCountsAsync(cancellationToken);
        }

        Json.WriteEndObject();
        _held.Clear();
        _heldRows = 0;
    }

    private async ValueTask WriteCountsAsync(CancellationToken cancellationToken)
    {
        Json.WriteStartArray("reading_count"u8);
        await WriteAsync((batch, row) => Json.WriteNumberValue(batch.ReadingCounts[row]), cancellationToken);
        Json.WriteEndArray();
        if (query.Fill != SeriesFill.None)
        {
            var place = 0;
            Json.WriteStartArray("filled"u8);
            await WriteAsync(
                (batch, row) =>
                {
                    if (batch.IsFilled(row))
                    {
                        Json.WriteNumberValue(place);
                    }

                    place++;
                },
                cancellationToken);
            Json.WriteEndArray();
        }
    }

    private void WriteTime(SeriesBatch batch, int row)
    {
        var time = new Instant(batch.TimesMicros[row]);
        if (epochMillis)
        {
            Json.WriteNumberValue(time.EpochMillis);
        }
        else
        {
            Json.WriteInstantValue(time);
        }
    }

    private async ValueTask WriteAsync(Action<SeriesBatch, int> write, CancellationToken cancellationToken)
    {
        foreach (var (batch, rows) in _held)
        {
            for (var row = 0; row < rows; row++)
            {
                write(batch, row);
                if (answer.IsFull)
                {
                    await answer.FlushAsync(cancellationToken);
                }
            }
        }
    }
}
