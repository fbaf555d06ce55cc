using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Tidemark.Storage;

/// <summary>Readings that one commit added or gave other values, with all values that they have now; all of a commit's or a part.</summary>
/// <param name="Position">Who goes on from here loses nothing: visible ASCII, which the store alone understands.</param>
/// <param name="Readings">By sensor and time. All listeners share it: it is never changed.</param>
/// <param name="Missed">How many readings came just before that the listener doesn't get, since it was too slow or the store was away;
/// null when there may be some.</param>
public sealed record CommittedReadings(string Position, ReadingBatch Readings, long? Missed = 0);

/// <param name="After">The position of a <see cref="CommittedReadings"/>, whenever it was given.</param>
/// <param name="Sensors">Whose readings.</param>
/// <param name="Limit">How many, at most: the newest commits'.</param>
public sealed record CommitQuery(string After, SensorSelection Sensors, int Limit);

/// <param name="Position">Where to go on.</param>
/// <param name="Missed">How many readings were left out; null when that isn't known, since the store remembers less.</param>
/// <param name="Batches">Each sensor's readings ascend by time.</param>
public sealed record CommitsSince(string Position, long? Missed, IReadOnlyList<ReadingBatch> Batches);

/// <summary>
/// One listener's queue of commits. Whoever commits never waits: beyond what the queue may hold the oldest are dropped, and counted.
/// </summary>
public sealed class CommitSubscription : IAsyncDisposable
{
    // Times and sensors counted too: 32 MB.
    private const long MostValues = 4_000_000;

    private readonly Channel<CommittedReadings> _queue = Channel.CreateUnbounded<CommittedReadings>();
    private readonly Lock _lock = new();
    private readonly Func<CommitSubscription, ValueTask> _end;
    private long _values;
    private long? _missed = 0;

    internal CommitSubscription(string position, Func<CommitSubscription, ValueTask> end) => (Position, _end) = (position, end);

    /// <summary>Everything that is committed after it comes.</summary>
    public string Position { get; }

    /// <summary>To be enumerated once. It ends with the subscription or the store.</summary>
    public async IAsyncEnumerable<CommittedReadings> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await _queue.Reader.WaitToReadAsync(cancellationToken))
        {
            while (TryTake() is { } commit)
            {
                yield return commit;
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        Complete();
        return _end(this);
    }

    internal void Add(CommittedReadings commit)
    {
        lock (_lock)
        {
            if (!_queue.Writer.TryWrite(commit))
            {
                return;
            }

            _values += Values(commit);
            while (_values > MostValues && _queue.Reader.Count > 1 && _queue.Reader.TryRead(out var oldest))
            {
                _values -= Values(oldest);
                _missed += oldest.Missed + oldest.Readings.Count;
            }
        }
    }

    internal void Complete() => _queue.Writer.TryComplete();

    private static long Values(CommittedReadings commit) => (long)commit.Readings.Count * (2 + commit.Readings.MetricCount);

    private CommittedReadings? TryTake()
    {
        lock (_lock)
        {
            if (!_queue.Reader.TryRead(out var commit))
            {
                return null;
            }

            _values -= Values(commit);
            (var missed, _missed) = (_missed, 0L);
            return missed == 0 ? commit : commit with { Missed = commit.Missed + missed };
        }
    }
}

/// <summary>What an engine tells of its commits, and who listens.</summary>
public sealed class CommitFeed
{
    private readonly Lock _lock = new();
    private volatile CommitSubscription[] _listeners = [];
    private bool _completed;

    public bool HasListeners => _listeners.Length > 0;

    /// <param name="position">Where the listener begins.</param>
    /// <param name="ended">Called when it has gone.</param>
    public CommitSubscription Subscribe(string position, Func<ValueTask>? ended = null)
    {
        var listener = new CommitSubscription(position, gone => Remove(gone) && ended is not null ? ended() : ValueTask.CompletedTask);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_completed, this);
            _listeners = [.. _listeners, listener];
        }

        return listener;
    }

    /// <summary>Never waits.</summary>
    public void Publish(CommittedReadings commit)
    {
        foreach (var listener in _listeners)
        {
            listener.Add(commit);
        }
    }

    /// <summary>Ends all subscriptions, with the store.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
            Array.ForEach(_listeners, listener => listener.Complete());
            _listeners = [];
        }
    }

    private bool Remove(CommitSubscription listener)
    {
        lock (_lock)
        {
            var count = _listeners.Length;
            _listeners = [.. _listeners.Where(l => l != listener)];
            return _listeners.Length < count;
        }
    }
}
