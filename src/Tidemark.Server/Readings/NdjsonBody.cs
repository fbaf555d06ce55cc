using System.IO.Pipelines;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Readings;

/// <summary>Feeds lines to an ingestion as they arrive: blank ones are skipped, one over the limit is a refusal.</summary>
internal static class NdjsonBody
{
    // What a slow sender has sent is written at the latest after this time.
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(1);

    public static async Task ReadAsync(PipeReader body, Ingestion ingestion, int maxLine, CancellationToken cancellationToken)
    {
        using var lines = new LineReader(body, maxLine);
        while (await FillOrWriteAsync(lines, ingestion, cancellationToken))
        {
            while (lines.TryTake())
            {
                Add(lines, ingestion, maxLine);
                if (ingestion.IsFull)
                {
                    await ingestion.WriteAsync(cancellationToken);
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

    private static async ValueTask<bool> FillOrWriteAsync(LineReader lines, Ingestion ingestion, CancellationToken cancellationToken)
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
            await ingestion.WriteAsync(cancellationToken);
        }

        return await task;
    }
}
