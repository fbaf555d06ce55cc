namespace Tidemark.Timescale;

/// <summary>A metric as the store keeps it.</summary>
/// <param name="Position">Its place among a sensor's last values, never used again.</param>
/// <param name="Metric">What is configured of it.</param>
/// <param name="FirstSeen">When a value of it was first written; null when none was since stores note it.</param>
internal sealed record StoredMetric(short Position, Metric Metric, Instant? FirstSeen)
{
    public string Name => Metric.Name;

    /// <summary>Whether it is noted as seen, as far as this process knows.</summary>
    public bool IsSeen { get; set; } = FirstSeen is not null;
}

/// <summary>The store's metrics as of one version, which each metric that comes or goes raises.</summary>
internal sealed class MetricCatalog
{
    public static readonly MetricCatalog Empty = new(-1, 0, []);

    private readonly Dictionary<string, StoredMetric> _byName;

    /// <param name="version">Of the store's metrics.</param>
    /// <param name="nextPosition">The first that was never used.</param>
    /// <param name="all">The configured ones in their order, then the others by position.</param>
    public MetricCatalog(long version, short nextPosition, IReadOnlyList<StoredMetric> all)
    {
        (Version, NextPosition, All) = (version, nextPosition, all);
        _byName = all.ToDictionary(m => m.Name, StringComparer.Ordinal);
        ByPosition = new StoredMetric?[nextPosition];
        foreach (var metric in all)
        {
            ByPosition[metric.Position] = metric;
        }
    }

    public long Version { get; }

    public short NextPosition { get; }

    public IReadOnlyList<StoredMetric> All { get; }

    /// <summary>Null where one was removed.</summary>
    public StoredMetric?[] ByPosition { get; }

    /// <summary>Names by position, null where one was removed.</summary>
    public IReadOnlyList<string?> Names => [.. ByPosition.Select(m => m?.Name)];

    public StoredMetric? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>What an answer of a sensor has: the configured ones and those that it ever sent.</summary>
    public IReadOnlyList<StoredMetric> AnswerOf(short[] sent)
        => [.. All.Where(m => m.Metric.IsConfigured || Array.BinarySearch(sent, m.Position) >= 0)];
}

/// <summary>What a process knows of a store's metrics and where their buckets are, all of one version.</summary>
internal sealed record Catalog(MetricCatalog Metrics, TelemetrySchema Schema, TimescaleSql Sql);
