namespace Tidemark.Ingest.LineProtocol;

/// <summary>Counts values that are texts, by field.</summary>
public sealed class StringCounts
{
    private const int MostFields = 100;

    private readonly Utf8Table<Counter> _counters = new();

    public long Total { get; private set; }

    /// <summary>Of the first hundred fields, by the beginnings of their names.</summary>
    public IReadOnlyDictionary<string, long> ByField
        => _counters.Values.GroupBy(c => c.Name).ToDictionary(c => c.Key, c => c.Sum(counted => counted.Count), StringComparer.Ordinal);

    internal void Add(ReadOnlySpan<byte> field)
    {
        Total++;
        if (_counters.TryGet(field, out var counter))
        {
            counter.Count++;
        }
        else if (_counters.Count < MostFields)
        {
            _counters.Add(field, new Counter(Sent.Shorten(field)) { Count = 1 });
        }
    }

    internal void Clear()
    {
        Total = 0;
        _counters.Clear();
    }

    private sealed class Counter(string name)
    {
        public string Name { get; } = name;

        public long Count { get; set; }
    }
}
