namespace Tidemark.Series;

/// <summary>The buckets that a question asks for. Not thread-safe.</summary>
internal sealed class BucketSelection
{
    // Before, places had times of their own to the second; nobody has readings of then.
    private static readonly Instant Oldest = Instant.Utc(1900, 1, 1);

    private readonly SeriesQuery _query;
    private readonly BucketWidth _width;

    public BucketSelection(SeriesQuery query, BucketWidth width)
    {
        (_query, _width, Buckets) = (query, width, new LocalBuckets(width, query.Zone));
        Asked = new TimeRange(Ceiling(query.Range.From), Ceiling(query.Range.To));
        var looksBack = query.Fill is SeriesFill.Previous or SeriesFill.Linear;
        Read = looksBack ? Asked with { From = Ceiling(query.Range.From - Lookback) } : Asked;
    }

    public LocalBuckets Buckets { get; }

    /// <summary>From the first bucket's start to the last one's end.</summary>
    public TimeRange Asked { get; }

    /// <summary>The same with the buckets before that one without readings is filled from.</summary>
    public TimeRange Read { get; }

    public TimeSpan Lookback => _query.Lookback ?? (_width.Approximate > TimeSpan.FromDays(1) ? _width.Approximate : TimeSpan.FromDays(1));

    /// <summary>How many there are, a few more or less, as far as time has come.</summary>
    public double Count
        => (Instant.Min(_query.Range.To, Instant.Max(_query.Now, _query.Range.From)) - _query.Range.From) / _width.Approximate;

    /// <summary>From where on nothing of them was dropped.</summary>
    public Instant WholeFrom(Instant? horizon) => horizon is { } dropped ? Buckets.Ceiling(dropped) : Instant.MinValue;

    /// <summary>What is read of a source that has nothing before.</summary>
    public TimeRange ReadFrom(Instant from) => Read with { From = Instant.Min(Read.To, Instant.Max(Read.From, from)) };

    public bool AreMadeOf(BucketWidth source)
        => Buckets.AreMadeOf(source, new TimeRange(
            Instant.Max(Read.From, Oldest), Instant.Max(Oldest, Instant.Min(Read.To, _query.Now + TimeSpan.FromDays(1)))));

    private Instant Ceiling(Instant time) => time <= Instant.MinValue || time >= Instant.MaxValue ? time : Buckets.Ceiling(time);
}
