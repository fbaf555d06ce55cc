namespace Tidemark.Server.Mqtt;

/// <summary>Sends a message back where another one came from.</summary>
internal delegate Task Reply(string topic, byte[] payload);

/// <summary>A message that waits to be durable.</summary>
internal sealed class IncomingMessage(
    TopicRules.Route route, string topic, ReadOnlyMemory<byte> payload, Instant arrival, Reply reply, CancellationToken cancellation)
{
    // What a message costs besides its payload.
    private const int Overhead = 500;

    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TopicRules.Route Route => route;

    public string Topic => topic;

    public ReadOnlyMemory<byte> Payload => payload;

    public Instant Arrival => arrival;

    public Reply Reply => reply;

    /// <summary>Whether its connection is gone: it will come again.</summary>
    public bool IsGone => cancellation.IsCancellationRequested;

    public long Size => payload.Length + topic.Length + Overhead;

    /// <summary>Completes when it may be acknowledged: its readings are durable, or it can't be read. Else it is cancelled.</summary>
    public Task Done => _done.Task;

    public void Acknowledge() => _done.TrySetResult();

    public void GiveUp() => _done.TrySetCanceled(CancellationToken.None);
}
