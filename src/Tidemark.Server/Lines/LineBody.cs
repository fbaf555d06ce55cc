using System.Buffers;
using System.IO.Pipelines;

namespace Tidemark.Server.Lines;

/// <summary>Feeds a body of lines to an ingestion as it arrives.</summary>
internal static class LineBody
{
    public static async Task ReadAsync(PipeReader body, LineIngestion ingestion, int maxLine, CancellationToken cancellationToken)
    {
        try
        {
            var least = 1;
            while (true)
            {
                var result = await body.ReadAtLeastAsync(least, cancellationToken);
                var (text, isFinal) = (result.Buffer, result.IsCompleted);
                var taken = 0;
                try
                {
                    taken = await TakeAsync(text, isFinal, ingestion, cancellationToken);
                }
                finally
                {
                    body.AdvanceTo(text.GetPosition(taken), text.End);
                }

                if (isFinal)
                {
                    break;
                }

                // A long line that comes in small pieces is not looked at again with each of them.
                least = taken > 0 ? 1 : (int)Math.Min(2 * text.Length, maxLine + 1L);
            }

            await ingestion.WriteAsync(cancellationToken);
        }
        finally
        {
            await ingestion.FinishAsync();
        }
    }

    /// <returns>How many bytes were read.</returns>
    private static async ValueTask<int> TakeAsync(
        ReadOnlySequence<byte> text, bool isFinal, LineIngestion ingestion, CancellationToken cancellationToken)
    {
        if (text.IsSingleSegment)
        {
            return await TakeAsync(text.First, isFinal, ingestion, cancellationToken);
        }

        var whole = ArrayPool<byte>.Shared.Rent((int)text.Length);
        try
        {
            text.CopyTo(whole);
            return await TakeAsync(whole.AsMemory(0, (int)text.Length), isFinal, ingestion, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    private static async ValueTask<int> TakeAsync(
        ReadOnlyMemory<byte> text, bool isFinal, LineIngestion ingestion, CancellationToken cancellationToken)
    {
        await ingestion.MakeRoomAsync(text.Length, cancellationToken);
        var taken = ingestion.Read(text.Span, isFinal);
        while (ingestion.IsFull)
        {
            await ingestion.WriteAsync(cancellationToken);
            await ingestion.MakeRoomAsync(text.Length - taken, cancellationToken);
            taken += ingestion.Read(text.Span[taken..], isFinal);
        }

        return taken;
    }
}
