namespace Tidemark.DuckDb;

/// <summary>A sensor's last reading by event time.</summary>
internal sealed record LatestReading(long TimeMicros, double[] Values);

/// <summary>
/// Sensor ids, their integer keys and last readings, in memory. One thread writes, any read: keys are dense, from 0, and only added;
/// entries appear whole.
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
    }

    public int Count => _count;

    public bool TryGetKey(string id, out int key) => _keys.TryGetValue(id, out key);

    public string Id(int key) => Volatile.Read(ref _entries)[key].Id;

    public LatestReading? Latest(int key) => Volatile.Read(ref _entries)[key].Latest;

    public void Add(string id, LatestReading? latest)
    {
        if (_count == _entries.Length)
        {
            var larger = new Entry[2 * _count];
            _entries.CopyTo(larger, 0);
            Volatile.Write(ref _entries, larger);
        }

        _entries[_count] = new Entry(id) { Latest = latest };
        _keys[id] = _count;
        _count++;
    }

    public void SetLatest(int key, LatestReading latest) => _entries[key].Latest = latest;
}
