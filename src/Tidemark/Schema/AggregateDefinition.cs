namespace Tidemark.Schema;

/// <summary>A column beyond the standard ones: an SQL expression over raw metrics, grouped by sensor and bucket.</summary>
public sealed record ExtraColumn(string Name, string Expression);

/// <summary>
/// A continuous aggregate over all metrics, whichever there are; every row also has its bucket start, sensor and
/// <c>reading_count</c>.
/// </summary>
public sealed class AggregateDefinition
{
    public AggregateDefinition(
        string name, string table, string bucketColumn, BucketWidth bucket, AggregateDefinition? source,
        IReadOnlyList<ExtraColumn> extraColumns, TimeSpan? retention)
    {
        Name = name;
        Table = table;
        BucketColumn = bucketColumn;
        Bucket = bucket;
        Source = source;
        ExtraColumns = extraColumns;
        Retention = retention;
    }

    public string Name { get; }

    /// <summary>The name of the view that SQL users query.</summary>
    public string Table { get; }

    /// <summary>The name of the bucket start in that view, <c>bucket</c> unless configured.</summary>
    public string BucketColumn { get; }

    public BucketWidth Bucket { get; }

    /// <summary>The finer aggregate this one is built from, null for raw readings.</summary>
    public AggregateDefinition? Source { get; }

    public IReadOnlyList<ExtraColumn> ExtraColumns { get; }

    /// <summary>How long buckets are kept after their end, null for ever.</summary>
    public TimeSpan? Retention { get; }

    /// <summary>The value columns in order: <c>avg_</c>, <c>min_</c> and <c>max_</c> of each metric, then the extra ones.</summary>
    public IReadOnlyList<string> Columns(IEnumerable<string> metrics, bool withExtra = true) =>
    [
        .. metrics.SelectMany(m => new[] { $"avg_{m}", $"min_{m}", $"max_{m}" }),
        .. withExtra ? ExtraColumns.Select(c => c.Name) : [],
    ];

    /// <summary>What averages are made of: <c>sum_</c>, <c>count_</c>, <c>min_</c> and <c>max_</c> of each metric.</summary>
    public static IReadOnlyList<string> PartialColumns(IEnumerable<string> metrics)
        => [.. metrics.SelectMany(m => new[] { $"sum_{m}", $"count_{m}", $"min_{m}", $"max_{m}" })];

    public override string ToString() => Name;
}
