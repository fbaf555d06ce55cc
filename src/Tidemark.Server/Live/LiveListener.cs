namespace Tidemark.Server.Live;

/// <summary>What one commit brings to those who listen to the same.</summary>
/// <param name="Events">One for each sensor.</param>
/// <param name="Position">After it.</param>
/// <param name="Missed">Readings that nobody gets, just before it; null for an unknown number.</param>
internal sealed record LiveCommit(IReadOnlyList<LiveEvents> Events, string Position, long? Missed)
{
    public int Bytes { get; } = Events.Sum(e => e.Bytes.Length);

    public long Readings => Events.Sum(e => e.Readings);
}

/// <summary>One client's queue. Beyond a megabyte the oldest commits are dropped, and counted.</summary>
internal sealed class LiveListener(LiveAudience audience, string position) : IDisposable
{
    private const long MostBytes = 1 << 20;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _arrived = new(0, 1);
    private readonly Queue<LiveCommit> _waiting = [];
    private long _bytes;
    private long? _missed = 0;
    private bool _ended;

    public LiveAudience Audience { get; } = audience;

    /// <summary>Where it began.</summary>
    public string Position { get; } = position;

    public void Add(LiveCommit commit)
    {
        lock (_lock)
        {
            _waiting.Enqueue(commit);
            _bytes += commit.Bytes;
            while (_bytes > MostBytes && _waiting.Count > 1)
            {
                var oldest = _waiting.Dequeue();
                _bytes -= oldest.Bytes;
                _missed += oldest.Missed + oldest.Readings;
            }

            Wake();
        }
    }

    /// <summary>Nothing more will come.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            Wake();
        }
    }

    /// <summary>Waits until something is there, or the time is up.</summary>
    public Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken) => _arrived.WaitAsync(longest, cancellationToken);

    /// <summary>Takes all that waits.</summary>
    /// <returns>False when that was the last.</returns>
    public bool Take(List<LiveCommit> commits, out long? missed)
    {
        lock (_lock)
        {
            (missed, _missed) = (_missed, 0);
            commits.AddRange(_waiting);
            _waiting.Clear();
            _bytes = 0;
            return !_ended;
        }
    }

    public void Dispose() => _arrived.Dispose();

    private void Wake()
    {
        if (_arrived.CurrentCount == 0)
        {
            _arrived.Release();
        }
    }
}
