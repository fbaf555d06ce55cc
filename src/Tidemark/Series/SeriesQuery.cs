namespace Tidemark.Series;

/// <summary>A question about sensors over time (docs/series.md).</summary>
public sealed record SeriesQuery
{
    public const int DefaultPoints = 1000;

    public const int MostPoints = 100_000;

    public const int MostSensors = 100;

    /// <summary>Ids, or their beginnings followed by <c>*</c>, each as <see cref="SensorSelection"/> has it.</summary>
    public required IReadOnlyList<string> Sensors { get; init; }

    /// <summary>Selects readings by their time and buckets by their start.</summary>
    public required TimeRange Range { get; init; }

    /// <summary>The clock of whoever asks: where buckets that are still open end.</summary>
    public required Instant Now { get; init; }

    /// <summary>In the answer's order; null for those that each sensor has.</summary>
    public IReadOnlyList<string>? Metrics { get; init; }

    public SeriesBucket Bucket { get; init; }

    /// <summary>
    /// How many points of a sensor <see cref="SeriesBucket.Auto"/> keeps within, and <see cref="Downsampling"/> leaves of readings.
    /// </summary>
    public int Points { get; init; } = DefaultPoints;

    /// <summary>The columns of each metric in buckets; readings have their values alone.</summary>
    public IReadOnlyList<SeriesFunction> Functions { get; init; } = [SeriesFunction.Avg];

    /// <summary>Whose days, weeks, months and years are meant.</summary>
    public TimeZoneInfo Zone { get; init; } = TimeZoneInfo.Utc;

    public SeriesFill Fill { get; init; }

    /// <summary>
    /// How far before the range a value is looked for that lasts into it; null for a day, or a bucket where that is more.
    /// </summary>
    public TimeSpan? Lookback { get; init; }

    public Downsampling Downsampling { get; init; }

    /// <summary>Of how many readings of all sensors together buckets may be made; a question that would read more is refused.</summary>
    public long MostReadings { get; init; } = 10_000_000;

    /// <summary>What is wrong with the question by itself, a line each.</summary>
    public IEnumerable<string> Faults()
    {
        if (Sensors.Count == 0)
        {
            yield return "sensors names none; give ids, beginnings of ids followed by *, or * for all";
        }

        if (Metrics is { Count: 0 } || Functions.Count == 0)
        {
            yield return "metrics or fn names none; leave it away, or name one";
        }

        if (Points is < 1 or > MostPoints)
        {
            yield return $"points {Points} is not between 1 and {MostPoints}";
        }

        if (Bucket.IsRaw && Functions.FirstOrDefault(f => f.NeedsBuckets) is var function && function.NeedsBuckets)
        {
            yield return $"fn {function.Name} is of a bucket; ask for another bucket than raw";
        }

        if (Bucket.IsRaw && Fill != SeriesFill.None)
        {
            yield return "fill is of buckets; ask for another bucket than raw";
        }

        if (Bucket.Width is not null && Downsampling != Downsampling.None)
        {
            yield return "downsample is of readings; ask for the bucket raw or auto";
        }
    }
}

/// <summary>What a bucket without readings holds. It stands in an answer only where it is filled.</summary>
public enum SeriesFill
{
    None,

    Null,

    /// <summary>The value of the bucket before.</summary>
    Previous,

    /// <summary>What lies on the line between its neighbours.</summary>
    Linear,
}

/// <summary>How more readings than points become fewer; both keep spikes.</summary>
public enum Downsampling
{
    None,

    /// <summary>Those that make the largest triangles with their neighbours.</summary>
    Lttb,

    /// <summary>The least and the greatest of each stretch of time.</summary>
    MinMax,
}
