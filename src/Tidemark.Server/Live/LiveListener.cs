using System.Buffers;

namespace Tidemark.Server.Live;

/// <summary>
/// One client's queue, as the bytes that it will get. Beyond a megabyte the oldest commits are dropped, and their readings counted.
/// </summary>
internal sealed class LiveListener(LiveAudience audience, string position) : IDisposable
{
    private const int MostBytes = 1 << 20;

    // A client that gets what comes needs little; more than that goes back to the pool.
    private const int LeastBytes = 1 << 10;
    private const int MostKept = 8 << 10;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _arrived = new(0, 1);
    private readonly Queue<Part> _parts = [];
    private byte[] _bytes = [];
    private int _begin;
    private int _end;
    private long? _missed = 0;
    private bool _ended;

    /// <summary>What one commit brings.</summary>
    /// <param name="Length">Of its events in bytes.</param>
    /// <param name="Readings">In them.</param>
    /// <param name="Missed">Readings that nobody gets, just before it; null for an unknown number.</param>
    private readonly record struct Part(int Length, long Readings, long? Missed);

    public LiveAudience Audience { get; } = audience;

    /// <summary>Where it began.</summary>
    public string Position { get; } = position;

    /// <param name="events">Of one commit. They are copied.</param>
    /// <param name="readings">How many they are.</param>
    /// <param name="missed">Readings that nobody gets, just before them; null for an unknown number.</param>
    public void Add(ReadOnlySpan<byte> events, long readings, long? missed)
    {
        lock (_lock)
        {
            while (_end - _begin + events.Length > MostBytes && _parts.TryDequeue(out var oldest))
            {
                _begin += oldest.Length;
                _missed += oldest.Missed + oldest.Readings;
            }

            MakeRoom(events.Length);
            events.CopyTo(_bytes.AsSpan(_end));
            _end += events.Length;
            _parts.Enqueue(new Part(events.Length, readings, missed));
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

    /// <summary>Moves all that waits to the client.</summary>
    /// <param name="output">It is only written to.</param>
    /// <param name="isAny">Whether something waited.</param>
    /// <returns>False when that was the last.</returns>
    public bool Take(IBufferWriter<byte> output, out bool isAny)
    {
        lock (_lock)
        {
            isAny = _parts.Count > 0;
            while (_parts.TryDequeue(out var part))
            {
                var missed = _missed + part.Missed;
                _missed = 0;
                output.Write(missed == 0 ? [] : EventStream.Missed(missed));
                output.Write(_bytes.AsSpan(_begin, part.Length));
                _begin += part.Length;
            }

            (_begin, _end) = (0, 0);
            if (_bytes.Length > MostKept)
            {
                Exchange([]);
            }

            return !_ended;
        }
    }

    public void Dispose()
    {
        _arrived.Dispose();
        lock (_lock)
        {
            Exchange([]);
        }
    }

    private void MakeRoom(int length)
    {
        if (_end + length <= _bytes.Length)
        {
            return;
        }

        // Twice what there is: moving it costs less than what came in between.
        var there = _end - _begin;
        var bytes = ArrayPool<byte>.Shared.Rent(Math.Max(LeastBytes, 2 * (there + length)));
        _bytes.AsSpan(_begin, there).CopyTo(bytes);
        Exchange(bytes);
        (_begin, _end) = (0, there);
    }

    private void Exchange(byte[] bytes)
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = bytes;
    }

    private void Wake()
    {
        if (_arrived.CurrentCount == 0)
        {
            _arrived.Release();
        }
    }
}
