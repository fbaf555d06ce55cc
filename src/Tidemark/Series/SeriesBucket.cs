using System.Globalization;

namespace Tidemark.Series;

/// <summary>What a point of an answer spans: a reading, a bucket, or what suits the range.</summary>
public readonly record struct SeriesBucket
{
    public const string Form
        = "auto, raw, an aggregate's name, or a positive whole number and s, m (minutes), h, d, w, mo (months) or y, such as 15m";

    private const int MostOfUnit = 10_000;

    private SeriesBucket(BucketWidth? width, AggregateDefinition? aggregate, bool isRaw)
        => (Width, Aggregate, IsRaw) = (width, aggregate, isRaw);

    /// <summary>The finest of readings and buckets that keeps within the points that are asked for.</summary>
    public static SeriesBucket Auto => default;

    /// <summary>The readings themselves.</summary>
    public static SeriesBucket Raw { get; } = new(null, null, isRaw: true);

    public bool IsAuto => !IsRaw && Width is null;

    public bool IsRaw { get; }

    /// <summary>Null for readings and for what is chosen.</summary>
    public BucketWidth? Width { get; }

    /// <summary>The aggregate that is asked for by its name.</summary>
    public AggregateDefinition? Aggregate { get; }

    public static SeriesBucket Of(BucketWidth width) => new(width, null, isRaw: false);

    public static SeriesBucket Of(AggregateDefinition aggregate) => new(aggregate.Bucket, aggregate, isRaw: false);

    /// <summary>Reads <see cref="Form"/>.</summary>
    public static bool TryParse(string text, TelemetrySchema schema, out SeriesBucket bucket, out string error)
    {
        bucket = default;
        error = "";
        switch (text)
        {
            case "auto":
                return true;
            case "raw":
                bucket = Raw;
                return true;
            case not null when schema.HasAggregate(text):
                bucket = Of(schema.Aggregate(text));
                return true;
            case not null when TryParseWidth(text, out var width):
                bucket = Of(width);
                return true;
            default:
                error = $"bucket '{text}' is not {Form}; the aggregates are {string.Join(", ", schema.Aggregates)}";
                return false;
        }
    }

    private static bool TryParseWidth(string text, out BucketWidth width)
    {
        width = default;
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits <= 0 || !int.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var amount)
            || amount is < 1 or > MostOfUnit)
        {
            return false;
        }

        width = text[digits..] switch
        {
            "s" => BucketWidth.Fixed(TimeSpan.FromSeconds(amount)),
            "m" => BucketWidth.Fixed(TimeSpan.FromMinutes(amount)),
            "h" => BucketWidth.Fixed(TimeSpan.FromHours(amount)),
            "d" => BucketWidth.Fixed(TimeSpan.FromDays(amount)),
            "w" => BucketWidth.Fixed(TimeSpan.FromDays(7 * amount)),
            "mo" => BucketWidth.Calendar(amount),
            "y" => BucketWidth.Calendar(12 * amount),
            _ => default,
        };
        return width != default;
    }
}
