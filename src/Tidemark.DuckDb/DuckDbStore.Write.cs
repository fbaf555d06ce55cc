using System.Collections.Concurrent;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    // Batches that wait while one commits share the next commit, up to this many readings.
    private const int GroupReadings = 100_000;

    private readonly ConcurrentQueue<WriteJob> _waiting = new();
    private int _nextChunk = 1;

    private sealed record WriteJob(ReadingBatch Batch, CancellationToken Cancellation)
    {
        public TaskCompletionSource<WriteResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public async Task<WriteResult> WriteAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        RequireInitialized();
        var job = new WriteJob(batch, cancellationToken);
        _waiting.Enqueue(job);
        _ = _writer.Run(WriteWaiting);
        return await job.Done.Task;
    }

    /// <summary>Commits what waits, several batches at once; on a failure each alone, so that one never takes another down.</summary>
    private bool WriteWaiting()
    {
        var group = new List<WriteJob>();
        var readings = 0;
        while (readings < GroupReadings && _waiting.TryDequeue(out var job))
        {
            if (job.Cancellation.IsCancellationRequested)
            {
                job.Done.SetCanceled(job.Cancellation);
                continue;
            }

            group.Add(job);
            readings += job.Batch.Count;
        }

        if (group.Count > 0 && !TryWrite(group, out var failure))
        {
            if (group.Count == 1)
            {
                group[0].Done.SetException(failure);
            }
            else
            {
                foreach (var job in group.Where(job => !TryWrite([job], out failure)))
                {
                    job.Done.SetException(failure!);
                }
            }
        }

        ForgetOldCommits();
        Checkpoint(always: false);
        return true;
    }

    private bool TryWrite(IReadOnlyList<WriteJob> group, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out Exception? failure)
    {
        var results = new WriteResult[group.Count];
        var write = new WriteTransaction(this);
        try
        {
            Transaction(state =>
            {
                write.Begin(state);
                for (var i = 0; i < group.Count; i++)
                {
                    results[i] = write.Add(group[i].Batch);
                }

                var next = write.Finish();
                _rawPages.BeginCommit();
                return (next, true);
            });
        }
        catch (Exception e)
        {
            // Whether a commit that failed is there after all, pages can't know.
            _rawPages.Clear();
            _rawPages.EndCommit();
            failure = DuckDbErrors.Translate(e, _folder, CancellationToken.None);
            return false;
        }

        write.Publish();
        _rawPages.EndCommit();
        for (var i = 0; i < group.Count; i++)
        {
            group[i].Done.SetResult(results[i]);
        }

        failure = null;
        return true;
    }
}
