namespace Tidemark.Time;

/// <summary>The half-open range [From, To).</summary>
public readonly record struct TimeRange(Instant From, Instant To)
{
    public static readonly TimeRange All = new(Instant.MinValue, Instant.MaxValue);

    public bool IsEmpty => From >= To;

    public bool Contains(Instant instant) => instant >= From && instant < To;

    public bool Overlaps(TimeRange other) => From < other.To && other.From < To;

    public TimeRange Intersect(TimeRange other) => new(Instant.Max(From, other.From), Instant.Min(To, other.To));

    /// <summary>The smallest range that covers both.</summary>
    public TimeRange Span(TimeRange other) => new(Instant.Min(From, other.From), Instant.Max(To, other.To));

    /// <summary>The smallest range of whole buckets that covers this one.</summary>
    public TimeRange Widen(BucketWidth bucket) => new(bucket.Floor(From), bucket.Ceiling(To));

    public override string ToString() => $"[{From}, {To})";
}
