using System.IO.Pipelines;
using Tidemark.Server.Hosting;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Readings;

/// <summary>Feeds lines to an ingestion as they arrive: blank ones are skipped, one over the limit is a refusal.</summary>
internal static class NdjsonBody
{
    // What a slow sender has sent is written at the latest after this time.
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(1);

    /// <param name="body">Lines in UTF-8.</param>
    /// <param name="ingestion">Where they go.</param>
    /// <param name="room">For each batch; null where there is room for the whole body.</param>
    /// <param name="maxLine">The most bytes of a line.</param>
    /// <param name="cancellationToken">What was written stays.</param>
    public static async Task ReadAsync(
        PipeReader body, Ingestion ingestion, RoomShare? room, int maxLine, CancellationToken cancellationToken)
    {
        using var lines = new LineReader(body, maxLine);
        while (await FillOrWriteAsync(lines, ingestion, room, cancellationToken))
        {
            while (lines.TryTake())
            {
                Add(lines, ingestion, maxLine);
                if (ingestion.IsFull)
                {
                    await WriteAsync(ingestion, room, cancellationToken);
                }
                else if (room is { IsTaken: false } && ingestion.IsLarge)
                {
                    await room.TakeAsync(cancellationToken);
                }
            }
        }

        await ingestion.WriteAsync(cancellationToken);
    }

    private static void Add(LineReader lines, Ingestion ingestion, int maxLine)
    {
        if (lines.IsTooLong)
        {
            ingestion.Refuse(lines.Number, $"the line is longer than {maxLine} bytes, the limit server:max_line");
        }
        else if (!lines.IsBlank)
        {
            ingestion.Add(lines.Number, lines.Line);
        }
    }

    private static async Task WriteAsync(Ingestion ingestion, RoomShare? room, CancellationToken cancellationToken)
    {
        await ingestion.WriteAsync(cancellationToken);
        room?.Dispose();
    }

    private static async ValueTask<bool> FillOrWriteAsync(
        LineReader lines, Ingestion ingestion, RoomShare? room, CancellationToken cancellationToken)
    {
        var fill = lines.FillAsync(cancellationToken);
        if (fill.IsCompleted || !ingestion.WritesInPauses)
        {
            return await fill;
        }

        var task = fill.AsTask();
        await Task.WhenAny(task, Task.Delay(LongestHold, cancellationToken));
        if (!task.IsCompleted)
        {
            await WriteAsync(ingestion, room, cancellationToken);
        }

        return await task;
    }
}
