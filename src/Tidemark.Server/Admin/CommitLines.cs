using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Hosting;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Admin;

/// <param name="Position">See <see cref="CommittedReadings"/>.</param>
/// <param name="Missed">See there.</param>
/// <param name="Metrics">Of the rows that follow.</param>
/// <param name="Count">How many rows follow, or before an answer how many batches.</param>
internal sealed record CommitHead(string Position, long? Missed, IReadOnlyList<string> Metrics, int Count);

/// <summary>Commits between two Tidemarks: a line with a <see cref="CommitHead"/>, then its rows as <see cref="RowLines"/>.</summary>
internal static class CommitLines
{
    /// <summary>A head without rows comes at least so often.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    private const int MostLimit = 1_000_000;

    public static CommitHead ReadHead(ReadOnlySpan<byte> line)
        => JsonSerializer.Deserialize<CommitHead>(line, WireJson.Options) ?? throw new JsonException("a commit's head is an object");

    public static async Task FollowAsync(
        HttpContext context, ITelemetryStore store, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        await using var subscription = await store.SubscribeAsync(cancellationToken);
        await using var answer = Begin(context);
        var position = subscription.Position;
        await WriteAsync(answer, new CommitHead(position, 0, [], 0), ends.Token);
        await using var commits = subscription.ReadAllAsync(ends.Token).GetAsyncEnumerator(ends.Token);
        var next = commits.MoveNextAsync().AsTask();
        try
        {
            while (true)
            {
                if (await Task.WhenAny(next, Task.Delay(Heartbeat, ends.Token)) != next)
                {
                    ends.Token.ThrowIfCancellationRequested();
                    await WriteAsync(answer, new CommitHead(position, 0, [], 0), ends.Token);
                }
                else if (await next)
                {
                    position = commits.Current.Position;
                    await WriteAsync(answer, commits.Current, ends.Token);
                    next = commits.MoveNextAsync().AsTask();
                }
                else
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The other side asks again.
        }
        finally
        {
            await ends.CancelAsync();
            await next.ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    public static async Task ReadSinceAsync(
        HttpContext context, string after, string sensors, int limit, ITelemetryStore store, CancellationToken cancellationToken)
    {
        if (!SensorSelection.TryParse(sensors, out var selection, out var error) || limit is < 0 or > MostLimit)
        {
            throw new RequestException([error is { Length: > 0 } ? error : $"limit is not between 0 and {MostLimit}"]);
        }

        var since = await store.ReadCommitsAsync(new CommitQuery(after, selection, limit), cancellationToken);
        await using var answer = Begin(context);
        await WriteAsync(answer, new CommitHead(since.Position, since.Missed, [], since.Batches.Count), cancellationToken);
        foreach (var batch in since.Batches)
        {
            await WriteAsync(answer, new CommittedReadings(since.Position, batch), cancellationToken);
        }

        await answer.CompleteAsync(cancellationToken);
    }

    private static AnswerWriter Begin(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpMinResponseDataRateFeature>().MinDataRate = null;
        return new AnswerWriter(context.Response, Ndjson.ContentType);
    }

    private static async Task WriteAsync(AnswerWriter answer, CommittedReadings commit, CancellationToken cancellationToken)
    {
        var batch = commit.Readings;
        Write(answer, new CommitHead(commit.Position, commit.Missed, batch.Metrics, batch.Count));
        for (var row = 0; row < batch.Count; row++)
        {
            RowLines.Write(answer.Json, batch, row);
            answer.EndLine();
            if (answer.IsFull)
            {
                await answer.FlushAsync(cancellationToken);
            }
        }

        await answer.FlushAsync(cancellationToken);
    }

    private static ValueTask WriteAsync(AnswerWriter answer, CommitHead head, CancellationToken cancellationToken)
    {
        Write(answer, head);
        return answer.FlushAsync(cancellationToken);
    }

    private static void Write(AnswerWriter answer, CommitHead head)
    {
        JsonSerializer.Serialize(answer.Json, head, WireJson.Options);
        answer.EndLine();
    }
}
