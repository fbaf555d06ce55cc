using System.Collections.Concurrent;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // Batches that wait while one commits share the next commit, up to this many readings.
    private const int GroupReadings = 100_000;
    private const int LongestImportId = 200;
    private const int MetricAttempts = 10;

    private readonly ConcurrentQueue<WriteJob> _waiting = new();
    private readonly SemaphoreSlim _writer = new(1);

    /// <summary>A write found that the store doesn't have a metric that it has a value of.</summary>
    private sealed class MetricGoneException : Exception;

    /// <param name="Batch">With the metrics alone that it has values of.</param>
    /// <param name="Cancellation">The caller's.</param>
    private sealed record WriteJob(ReadingBatch Batch, CancellationToken Cancellation)
    {
        /// <summary>Of a batch that fills a group alone: it is put in order while the one before it is being written.</summary>
        public Task<SortedRows>? Rows { get; } = Batch.Count >= GroupReadings && Batch.Mode is WriteMode.Replace
            ? Task.Run(() => new SortedRows([Batch]), CancellationToken.None)
            : null;

        public TaskCompletionSource<WriteResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public async Task<WriteResult> WriteAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        RequireInitialized();
        if (batch.ImportId is { } id && (id.Length > LongestImportId || id.Any(char.IsControl)))
        {
            throw new StoreException(
                StoreErrorKind.Invalid,
                $"an import id has more than {LongestImportId} characters or a control character");
        }

        cancellationToken.ThrowIfCancellationRequested();
        for (var attempt = 1; ; attempt++)
        {
            var valued = Enumerable.Range(0, batch.MetricCount).Where(m => HasValues(batch, m)).Select(m => batch.Metrics[m]).ToArray();
            if (valued.Any(name => Schema.MetricIndex(name) < 0)
                && await GrowAsync(batch, cancellationToken) is { Count: > 0 } refused)
            {
                return await WriteWithoutAsync(batch, refused, cancellationToken);
            }

            if (batch.Count == 0)
            {
                return default;
            }

            var job = new WriteJob(batch.Select(valued), cancellationToken);
            _waiting.Enqueue(job);

            // Not on the caller's thread, which may prepare the next batch meanwhile.
            _ = Task.Run(WriteWaitingAsync, CancellationToken.None);
            try
            {
                return await job.Done.Task;
            }
            catch (MetricGoneException) when (attempt < MetricAttempts)
            {
                // Another process has taken one away since, or left it no place: this process knows of that now.
            }
            catch (MetricGoneException e)
            {
                throw new StoreException(StoreErrorKind.Unavailable, $"{_database.Location} changes its metrics: try again", e);
            }
        }
    }

    private async Task<WriteResult> WriteWithoutAsync(
        ReadingBatch batch,
        SortedDictionary<int, RefusedReading> refused,
        CancellationToken cancellationToken)
    {
        var taken = await WriteAsync(batch.Without([.. refused.Keys]), cancellationToken);
        var rows = Enumerable.Range(0, batch.Count).Where(row => !refused.ContainsKey(row)).ToArray();
        var byWrite = (taken.Refusals ?? []).Select(r => r with { Row = rows[r.Row] });
        return taken.Refuse([.. refused.Values.Concat(byWrite).OrderBy(r => r.Row)]);
    }

    /// <summary>Commits what waits, several batches at once; on a failure each alone, so that one never takes another down.</summary>
    private async Task WriteWaitingAsync()
    {
        await _writer.WaitAsync();
        try
        {
            var group = NextGroup();
            if (group.Count > 0 && await TryWriteAsync(group) is { } failure)
            {
                if (group.Count == 1)
                {
                    group[0].Done.SetException(failure);
                }
                else
                {
                    await WriteEachAsync(group);
                }
            }
        }
        finally
        {
            _writer.Release();
        }
    }

    private async Task WriteEachAsync(List<WriteJob> group)
    {
        foreach (var job in group)
        {
            if (await TryWriteAsync([job]) is { } failure)
            {
                job.Done.SetException(failure);
            }
        }
    }

    /// <summary>
    /// The next batches in order that may share a transaction. TimescaleDB notes what a transaction changed as one range a chunk,
    /// so a batch that reaches below a watermark, whose range a refresh works through, shares it with none; nor does one that may be there
    /// already.
    /// </summary>
    private List<WriteJob> NextGroup()
    {
        var group = new List<WriteJob>();
        var readings = 0;
        while (readings < GroupReadings && _waiting.TryPeek(out var job))
        {
            var alone = job.Rows is not null || job.Batch.ImportId is not null || IsLate(job.Batch);
            if (group.Count > 0 && (alone || job.Batch.Mode != group[0].Batch.Mode))
            {
                break;
            }

            _waiting.TryDequeue(out _);
            if (job.Cancellation.IsCancellationRequested)
            {
                job.Done.SetCanceled(job.Cancellation);
                continue;
            }

            group.Add(job);
            readings += job.Batch.Count;
            if (alone)
            {
                break;
            }
        }

        return group;
    }

    private bool IsLate(ReadingBatch batch)
    {
        if (_state?.Threshold is not { } threshold)
        {
            return false;
        }

        foreach (var time in batch.TimesMicros)
        {
            if (time < threshold.Micros)
            {
                return true;
            }
        }

        return false;
    }

    private async Task<Exception?> TryWriteAsync(IReadOnlyList<WriteJob> group)
    {
        try
        {
            string[] metrics = [.. group.SelectMany(job => job.Batch.Metrics).Distinct()];
            ReadingBatch[] batches = [.. group.Select(job => job.Batch.Select(metrics))];
            var write = new WriteTransaction(this, metrics, batches, group is [{ Rows: { } rows }] ? await rows : new SortedRows(batches));
            var cancellation = group.Count == 1 ? group[0].Cancellation : CancellationToken.None;
            var results = await _database.ChangeAsync(connection => write.RunAsync(connection, cancellation), cancellation);
            for (var i = 0; i < group.Count; i++)
            {
                group[i].Done.SetResult(results[i]);
            }

            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    /// <summary>Lets what has begun finish.</summary>
    private async Task StopWritesAsync()
    {
        await _writer.WaitAsync();
        while (_waiting.TryDequeue(out var job))
        {
            job.Done.SetException(new ObjectDisposedException(nameof(TimescaleStore)));
        }

        _writer.Release();
    }
}
