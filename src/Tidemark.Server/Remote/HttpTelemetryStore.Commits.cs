using Tidemark.Server.Admin;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Remote;

public sealed partial class HttpTelemetryStore
{
    // The server sends a line at least so often, and one more may be late.
    private static readonly TimeSpan LongestSilence = 3 * CommitLines.Heartbeat;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // As many as a listener's queue holds of three metrics.
    private const int MostCaughtUp = 500_000;

    public async Task<CommitSubscription> SubscribeAsync(CancellationToken cancellationToken)
    {
        var stop = new CancellationTokenSource();
        var lines = await _server.OpenAsync("api/admin/commits", cancellationToken);
        try
        {
            var position = (await lines.TakeAsync(CommitLines.ReadHead, cancellationToken)).Position;
            var feed = new CommitFeed();
            Task follow = Task.CompletedTask;
            var subscription = feed.Subscribe(position, async () =>
            {
                await stop.CancelAsync();
                await follow;
                stop.Dispose();
            });
            follow = FollowAsync(feed, lines, position, stop.Token);
            return subscription;
        }
        catch
        {
            await lines.DisposeAsync();
            stop.Dispose();
            throw;
        }
    }

    public async Task<CommitsSince> ReadCommitsAsync(CommitQuery query, CancellationToken cancellationToken)
    {
        await using var lines = await _server.OpenAsync(
            $"api/admin/commits/since?after={Uri.EscapeDataString(query.After)}&sensors={Uri.EscapeDataString($"{query.Sensors}")}"
                + $"&limit={query.Limit}",
            cancellationToken);
        var last = await lines.TakeAsync(CommitLines.ReadHead, cancellationToken);
        var batches = new List<ReadingBatch>();
        for (var left = last.Count; left > 0; left--)
        {
            batches.Add((await ReadCommitAsync(lines, cancellationToken)).Readings);
        }

        return new CommitsSince(last.Position, last.Missed, batches);
    }

    /// <summary>Hands on what the server sends until it is stopped; after a lost connection what came meanwhile.</summary>
    private async Task FollowAsync(CommitFeed feed, RemoteLines lines, string position, CancellationToken stop)
    {
        var pause = TimeSpan.Zero;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (pause > TimeSpan.Zero)
                {
                    await Task.Delay(pause, stop);
                    lines = await _server.OpenAsync("api/admin/commits", stop);
                    var began = await lines.TakeAsync(CommitLines.ReadHead, stop);
                    var since = await ReadCommitsAsync(new CommitQuery(position, SensorSelection.All, MostCaughtUp), stop);
                    feed.Publish(new CommittedReadings(position, new ReadingBatch([], 0), since.Missed));
                    since.Batches.ToList().ForEach(batch => feed.Publish(new CommittedReadings(position, batch)));
                    (position, pause) = (began.Position, TimeSpan.Zero);
                }

                while (true)
                {
                    var commit = await ReadCommitAsync(lines, stop);
                    position = commit.Position;
                    if (commit.Readings.Count > 0 || commit.Missed != 0)
                    {
                        feed.Publish(commit);
                    }
                }
            }
            catch (Exception e) when (e is StoreException or OperationCanceledException or ObjectDisposedException)
            {
                await lines.DisposeAsync();
                pause = pause == TimeSpan.Zero ? TimeSpan.FromMilliseconds(50) : pause < LongestPause ? 2 * pause : LongestPause;
            }
        }
    }

    private static async Task<CommittedReadings> ReadCommitAsync(RemoteLines lines, CancellationToken cancellationToken)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        silence.CancelAfter(LongestSilence);
        var head = await lines.TakeAsync(CommitLines.ReadHead, silence.Token);
        var batch = new ReadingBatch(head.Metrics, head.Count);
        var values = new double[head.Metrics.Count];
        var parser = new RowLines();
        if (head.Count > 0)
        {
            await lines.TakeManyAsync(
                head.Count,
                line =>
                {
                    var (id, time) = parser.ReadReading(line, values);
                    batch.Add(id, time, values);
                },
                silence.Token);
        }

        return batch.Count == head.Count
            ? new CommittedReadings(head.Position, batch, head.Missed)
            : throw new StoreException(StoreErrorKind.Unavailable, "the server's answer ended early");
    }
}
