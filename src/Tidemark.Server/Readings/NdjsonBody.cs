using System.Buffers;
using System.IO.Pipelines;

namespace Tidemark.Server.Readings;

/// <summary>Feeds lines to an ingestion as they arrive: blank ones are skipped, one over the limit is a refusal.</summary>
/// <param name="ingestion">Takes the lines.</param>
/// <param name="maxLine">The most bytes of a line.</param>
internal sealed class NdjsonBody(Ingestion ingestion, int maxLine)
{
    // What a slow sender has sent is written at the latest after this time.
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(1);

    private long _line;
    private bool _skipping;

    public async Task ReadAsync(PipeReader body, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await ReadOrWriteAsync(body, cancellationToken);
            var rest = result.Buffer;
            while (TryTakeLine(ref rest, out var line))
            {
                await AddAsync(line, cancellationToken);
            }

            if (result.IsCompleted)
            {
                if (!rest.IsEmpty)
                {
                    await AddAsync(rest, cancellationToken);
                }

                body.AdvanceTo(result.Buffer.End);
                await ingestion.WriteAsync(cancellationToken);
                return;
            }

            if (rest.Length > maxLine)
            {
                // Only its end is looked for from here on.
                _skipping = true;
                rest = rest.Slice(rest.End);
            }

            body.AdvanceTo(rest.Start, rest.End);
        }
    }

    private async ValueTask<ReadResult> ReadOrWriteAsync(PipeReader body, CancellationToken cancellationToken)
    {
        var read = body.ReadAsync(cancellationToken);
        if (read.IsCompleted || ingestion.IsEmpty)
        {
            return await read;
        }

        var task = read.AsTask();
        await Task.WhenAny(task, Task.Delay(LongestHold, cancellationToken));
        if (!task.IsCompleted)
        {
            await ingestion.WriteAsync(cancellationToken);
        }

        return await task;
    }

    private async ValueTask AddAsync(ReadOnlySequence<byte> line, CancellationToken cancellationToken)
    {
        _line++;
        if (_skipping || line.Length > maxLine)
        {
            _skipping = false;
            ingestion.Refuse(_line, $"the line is longer than {maxLine} bytes, the limit server:max_line");
        }
        else
        {
            Add(line);
        }

        if (ingestion.IsFull)
        {
            await ingestion.WriteAsync(cancellationToken);
        }
    }

    private void Add(ReadOnlySequence<byte> line)
    {
        var bytes = line.IsSingleSegment ? line.FirstSpan : line.ToArray();
        if (bytes.ContainsAnyExcept(" \t\r"u8))
        {
            ingestion.Add(_line, bytes);
        }
    }

    private static bool TryTakeLine(ref ReadOnlySequence<byte> rest, out ReadOnlySequence<byte> line)
    {
        if (rest.PositionOf((byte)'\n') is not { } end)
        {
            line = default;
            return false;
        }

        line = rest.Slice(0, end);
        rest = rest.Slice(rest.GetPosition(1, end));
        return true;
    }
}
