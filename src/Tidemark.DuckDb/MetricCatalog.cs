using System.Collections.Concurrent;

namespace Tidemark.DuckDb;

/// <summary>A metric as the store keeps it.</summary>
/// <param name="Id">Never used again, even when the metric is taken away.</param>
/// <param name="Metric">What is configured of it.</param>
/// <param name="IsColumn">
/// Whether tables have columns for it. The others of a reading are together in one map, so that a new metric changes no table and one
/// that few sensors have costs the others nothing.
/// </param>
/// <param name="FirstSeen">When the first reading that has it was written; null when none was since the store notes it.</param>
internal sealed record StoredMetric(short Id, Metric Metric, bool IsColumn, Instant? FirstSeen)
{
    public string Name => Metric.Name;
}

/// <summary>The metrics of the store as of a commit, immutable.</summary>
internal sealed class MetricCatalog
{
    public static readonly MetricCatalog Empty = new([], [], []);

    private readonly Dictionary<string, StoredMetric> _byName;
    private readonly Dictionary<short, StoredMetric> _byId;
    private readonly ConcurrentDictionary<MetricSet, Selection> _answers = new();
    private readonly ConcurrentDictionary<MetricSet, Selection> _stored = new();

    /// <param name="all">The configured ones in their order, then the others by id.</param>
    /// <param name="columns">Those with columns, in the order of the raw tables.</param>
    /// <param name="removed">Ids that maps may still hold.</param>
    public MetricCatalog(IReadOnlyList<StoredMetric> all, IReadOnlyList<StoredMetric> columns, IReadOnlyList<short> removed)
    {
        (All, Columns, Removed) = (all, columns, removed);
        _byName = all.ToDictionary(m => m.Name, StringComparer.Ordinal);
        _byId = all.ToDictionary(m => m.Id);
        Everything = new Selection(all, columns);
        OfColumns = new Selection(columns, columns);
        HasMap = all.Any(m => !m.IsColumn) || removed.Count > 0;
    }

    public IReadOnlyList<StoredMetric> All { get; }

    public IReadOnlyList<StoredMetric> Columns { get; }

    public IReadOnlyList<short> Removed { get; }

    /// <summary>Whether readings may have a map.</summary>
    public bool HasMap { get; }

    public Selection Everything { get; }

    /// <summary>Those with columns, in their order.</summary>
    public Selection OfColumns { get; }

    public short NextId => (short)(1 + All.Select(m => m.Id).Concat(Removed).DefaultIfEmpty((short)-1).Max());

    public StoredMetric? Find(string name) => _byName.GetValueOrDefault(name);

    public StoredMetric? Find(short id) => _byId.GetValueOrDefault(id);

    /// <summary>What an answer has that names no metrics: the configured ones and those of the set.</summary>
    public Selection AnswerOf(MetricSet sent) => _answers.GetOrAdd(
        sent,
        static (sent, catalog) => new Selection(
            [.. catalog.All.Where(m => m.Metric.IsConfigured || sent.Contains(m.Id))],
            catalog.Columns),
        this);

    /// <summary>All metrics with columns, in their order, then those of the set that are in the map.</summary>
    public Selection StoredOf(MetricSet sent) => _stored.GetOrAdd(
        sent,
        static (sent, catalog) => new Selection(
            [.. catalog.Columns, .. catalog.All.Where(m => !m.IsColumn && sent.Contains(m.Id))],
            catalog.Columns),
        this);

    /// <exception cref="StoreException">The store has no metric of a name.</exception>
    public Selection Select(IReadOnlyList<string> names, TelemetrySchema schema)
        => new([.. names.Select(name => Find(name) ?? throw StoreException.UnknownMetric(name, schema))], Columns);

    public MetricCatalog With(StoredMetric added) => new([.. All, added], Columns, Removed);

    /// <summary>With one that is there already noted as seen.</summary>
    public MetricCatalog Seen(StoredMetric metric, Instant time)
    {
        StoredMetric Of(StoredMetric m) => m.Id == metric.Id ? m with { FirstSeen = time } : m;
        return new MetricCatalog([.. All.Select(Of)], [.. Columns.Select(Of)], Removed);
    }

    public MetricCatalog Without(StoredMetric removed) => new(
        [.. All.Where(m => m.Id != removed.Id)],
        [.. Columns.Where(m => m.Id != removed.Id)],
        [.. Removed, removed.Id]);
}

/// <summary>The metrics that a sensor ever sent: an immutable set, one instance for all sensors that sent the same.</summary>
internal sealed class MetricSet
{
    public static readonly MetricSet Empty = new([]);

    private readonly ulong[] _bits;

    private MetricSet(short[] ids)
    {
        Ids = ids;
        _bits = new ulong[ids.Length == 0 ? 0 : (ids[^1] / 64) + 1];
        foreach (var id in ids)
        {
            _bits[id / 64] |= 1UL << (id % 64);
        }
    }

    /// <summary>Ascending.</summary>
    public IReadOnlyList<short> Ids { get; }

    public bool Contains(short id) => id / 64 < _bits.Length && (_bits[id / 64] & (1UL << (id % 64))) != 0;

    /// <summary>Makes sets and keeps one instance of each.</summary>
    public sealed class Pool
    {
        private readonly ConcurrentDictionary<string, MetricSet> _sets = new(StringComparer.Ordinal) { [""] = Empty };

        public MetricSet Union(MetricSet a, MetricSet b) => a == b || b == Empty ? a : a == Empty ? b : With(a, b.Ids);

        public MetricSet With(MetricSet set, IEnumerable<short> more) => Of([.. set.Ids.Union(more).Order()]);

        public MetricSet Except(MetricSet set, short id) => set.Contains(id) ? Of([.. set.Ids.Where(i => i != id)]) : set;

        private MetricSet Of(short[] ids)
        {
            var key = new string([.. ids.Select(id => (char)id)]);
            return _sets.GetOrAdd(key, static (_, ids) => new MetricSet(ids), ids);
        }
    }
}

/// <summary>The metrics that a statement reads, in the answer's order.</summary>
internal sealed class Selection
{
    private readonly Dictionary<short, int> _places = [];

    /// <param name="metrics">In the answer's order.</param>
    /// <param name="columns">All metrics with columns, in the order of the raw tables.</param>
    public Selection(IReadOnlyList<StoredMetric> metrics, IReadOnlyList<StoredMetric> columns)
    {
        Metrics = metrics;
        Names = [.. metrics.Select(m => m.Name)];
        foreach (var (place, metric) in metrics.Index())
        {
            _places.TryAdd(metric.Id, place);
        }

        InColumns = [.. metrics.Where(m => m.IsColumn)];
        InMap = [.. metrics.Where(m => !m.IsColumn)];
        ColumnPlaces = [.. columns.Select(c => Place(c.Id))];
        OwnColumnPlaces = [.. InColumns.Select(c => Place(c.Id))];
    }

    public IReadOnlyList<StoredMetric> Metrics { get; }

    public IReadOnlyList<string> Names { get; }

    public int Count => Metrics.Count;

    public IReadOnlyList<StoredMetric> InColumns { get; }

    public IReadOnlyList<StoredMetric> InMap { get; }

    /// <summary>Of each metric with columns, selected or not, its place here, −1 for none.</summary>
    public int[] ColumnPlaces { get; }

    /// <summary>Of each of <see cref="InColumns"/> its place here.</summary>
    public int[] OwnColumnPlaces { get; }

    /// <returns>−1 when it isn't selected.</returns>
    public int Place(short id) => _places.TryGetValue(id, out var place) ? place : -1;
}
