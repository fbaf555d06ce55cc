namespace Tidemark.Series;

/// <summary>What an answer is made of.</summary>
/// <param name="Source">The aggregate that is read; null for readings.</param>
/// <param name="Width">What a point spans; null where points are readings.</param>
internal sealed record SeriesPlan(AggregateDefinition? Source, BucketWidth? Width)
{
    public const string Raw = "raw";

    public static readonly SeriesPlan Readings = new(null, null);

    public string SourceName => Source?.Name ?? Raw;
}
