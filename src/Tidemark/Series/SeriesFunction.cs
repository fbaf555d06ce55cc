namespace Tidemark.Series;

/// <summary>What is made of a metric's values in a bucket (docs/series.md defines each).</summary>
public enum SeriesFunction
{
    Avg,
    Min,
    Max,
    First,
    Last,
    Count,
    Sum,

    /// <summary>How much a meter that counts up went on.</summary>
    Delta,

    /// <summary>That a second.</summary>
    Rate,

    /// <summary>The average by time, each value lasting until the next.</summary>
    TimeWeighted,
}

public static class SeriesFunctions
{
    public const string Form = "avg, min, max, first, last, count, sum, delta, rate or time_weighted";

    private static readonly string[] Names = ["avg", "min", "max", "first", "last", "count", "sum", "delta", "rate", "time_weighted"];

    public static bool TryParse(string text, out SeriesFunction function)
    {
        var place = Array.IndexOf(Names, text);
        function = (SeriesFunction)Math.Max(0, place);
        return place >= 0;
    }

    extension(SeriesFunction function)
    {
        public string Name => Names[(int)function];

        /// <summary>Whether no aggregate keeps what it is made of.</summary>
        public bool NeedsReadings => function is not (SeriesFunction.Avg or SeriesFunction.Min or SeriesFunction.Max
            or SeriesFunction.Count or SeriesFunction.Sum);

        /// <summary>Whether it depends on the value before a bucket.</summary>
        public bool LooksBack => function is SeriesFunction.Delta or SeriesFunction.Rate or SeriesFunction.TimeWeighted;

        /// <summary>Whether it says nothing of a single reading but its value.</summary>
        public bool NeedsBuckets => function is SeriesFunction.Count or SeriesFunction.Sum or SeriesFunction.Delta or SeriesFunction.Rate;

        /// <summary>Whether it tells of all that is in a bucket, so that one without readings has 0.</summary>
        public bool IsTotal => function is SeriesFunction.Count or SeriesFunction.Sum or SeriesFunction.Delta;
    }
}
