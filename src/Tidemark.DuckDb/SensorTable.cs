namespace Tidemark.DuckDb;

/// <summary>A sensor's last reading by event time.</summary>
/// <param name="TimeMicros">Since the epoch.</param>
/// <param name="Metrics">The ids of the metrics of which it has a value.</param>
/// <param name="Values">Theirs.</param>
internal sealed record LatestReading(long TimeMicros, short[] Metrics, double[] Values);

/// <summary>
/// Sensor ids, their integer keys, last readings and the metrics that they ever sent, in memory. One thread writes, any read: keys are
/// dense, from 0, and only added; entries appear whole.
/// </summary>
internal sealed class SensorTable
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _keys = new(StringComparer.Ordinal);
    private Entry[] _entries = new Entry[16];
    private volatile int _count;

    private sealed class Entry(string id)
    {
        public string Id { get; } = id;

        public volatile LatestReading? Latest;

        public volatile MetricSet Sent = MetricSet.Empty;
    }

    public MetricSet.Pool Sets { get; } = new();

    public int Count => _count;

    public bool TryGetKey(string id, out int key) => _keys.TryGetValue(id, out key);

    public string Id(int key) => Volatile.Read(ref _entries)[key].Id;

    public LatestReading? Latest(int key) => Volatile.Read(ref _entries)[key].Latest;

    public MetricSet Sent(int key) => Volatile.Read(ref _entries)[key].Sent;

    public void Add(string id, LatestReading? latest, MetricSet sent)
    {
        if (_count == _entries.Length)
        {
            var larger = new Entry[2 * _count];
            _entries.CopyTo(larger, 0);
            Volatile.Write(ref _entries, larger);
        }

        _entries[_count] = new Entry(id) { Latest = latest, Sent = sent };
        _keys[id] = _count;
        _count++;
    }

    public void SetLatest(int key, LatestReading latest) => _entries[key].Latest = latest;

    public void SetSent(int key, MetricSet sent) => _entries[key].Sent = sent;
}
