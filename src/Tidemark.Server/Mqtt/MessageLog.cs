using Tidemark.Ingest.Messages;

namespace Tidemark.Server.Mqtt;

/// <summary>Counts what becomes of messages, and keeps the last hundred that were refused.</summary>
internal sealed class MessageLog(TimeProvider clock)
{
    private const int Most = 100;
    private const int LongestTopic = 200;
    private const int LongestError = 400;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _refused = [];
    private readonly Queue<RefusedMessage> _last = new();
    private long _messages;
    private long _readings;
    private long _retained;

    public long Messages => Interlocked.Read(ref _messages);

    public long Readings => Interlocked.Read(ref _readings);

    public long Retained => Interlocked.Read(ref _retained);

    public IReadOnlyDictionary<string, long> Refused
    {
        get
        {
            lock (_lock)
            {
                return _refused.OrderBy(r => r.Key, StringComparer.Ordinal).ToDictionary();
            }
        }
    }

    /// <summary>The newest first.</summary>
    public IReadOnlyList<RefusedMessage> LastRefused
    {
        get
        {
            lock (_lock)
            {
                return [.. _last.Reverse()];
            }
        }
    }

    public void Take(int messages) => Interlocked.Add(ref _messages, messages);

    public void Write(long readings) => Interlocked.Add(ref _readings, readings);

    public void PassRetained() => Interlocked.Increment(ref _retained);

    public void Refuse(string topic, MessageFault fault)
    {
        var message = new RefusedMessage(
            Instant.From(clock.GetUtcNow()), Shorten(topic, LongestTopic), fault.Reason, Shorten(fault.Error, LongestError));
        lock (_lock)
        {
            _refused[fault.Reason] = _refused.GetValueOrDefault(fault.Reason) + 1;
            _last.Enqueue(message);
            if (_last.Count > Most)
            {
                _last.Dequeue();
            }
        }
    }

    private static string Shorten(string text, int most)
        => string.Concat((text.Length <= most ? text : text[..most] + "…").Select(c => char.IsControl(c) ? '�' : c));
}
