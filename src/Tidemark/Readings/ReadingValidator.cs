namespace Tidemark.Readings;

/// <summary>
/// The gate before a store: takes readings one by one and answers, for each, null or why it is refused. What passes
/// keeps to clauses 3 and 4 of the store contract.
/// </summary>
/// <param name="metrics">The names of the values.</param>
/// <param name="schema">Metrics and their valid ranges.</param>
/// <param name="maxSkew">How far ahead of the clock a reading may be.</param>
/// <param name="clock">The time that skew is measured against, read once per reading.</param>
/// <param name="oldest">Readings before it are refused: a clock that was never set tells such times.</param>
/// <param name="rawHorizon">Readings before it are older than retention; null when nothing was ever dropped.</param>
public sealed class ReadingValidator(
    IReadOnlyList<string> metrics,
    TelemetrySchema schema,
    TimeSpan maxSkew,
    TimeProvider clock,
    Instant oldest,
    Instant? rawHorizon)
{
    private readonly List<Metric> _metrics = [.. metrics.Select(m => Find(schema, m))];

    private string? _lastValidId;

    /// <returns>Null when the reading may be written, else one line that says what is wrong.</returns>
    public string? Check(string? sensorId, Instant time, ReadOnlySpan<double> values)
    {
        if (sensorId is null || !ReferenceEquals(sensorId, _lastValidId))
        {
            if (SensorId.Check(sensorId) is { } error)
            {
                return error;
            }

            _lastValidId = sensorId;
        }

        if (CheckTime(time) is { } wrong)
        {
            return wrong;
        }

        for (var m = 0; m < values.Length; m++)
        {
            if (CheckValue(_metrics[m], values[m]) is { } error)
            {
                return error;
            }
        }

        return null;
    }

    /// <summary>The part of <see cref="Check"/> that looks at the time.</summary>
    public string? CheckTime(Instant time)
    {
        var latest = Instant.From(clock.GetUtcNow()) + maxSkew;
        if (time > latest)
        {
            return $"time {time} is more than {(long)maxSkew.TotalSeconds} s ahead of the server's clock";
        }

        if (time < oldest)
        {
            return $"time {time} is before {oldest}, the setting oldest_time: "
                + $"{(time.ToDateTime().Year == 1 ? "it looks like a time that was never set" : "check the clock, or set it earlier")}";
        }

        return time < rawHorizon ? $"time {time} is older than retention, which reaches back to {rawHorizon}" : null;
    }

    /// <summary>The part of <see cref="Check"/> that looks at one value.</summary>
    public static string? CheckValue(Metric metric, double value)
        => double.IsInfinity(value) ? $"{metric.Name} is infinite"
            : value < metric.Minimum || value > metric.Maximum
                ? string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"{metric.Name} {value} is outside {metric.Minimum} to {metric.Maximum}")
            : null;

    /// <summary>The schema's metric of that name, or what one without a definition is.</summary>
    public Metric Find(string name) => Find(schema, name);

    /// <summary>Says that the readings to come have one more value.</summary>
    public void AddMetric(string name) => _metrics.Add(Find(schema, name));

    private static Metric Find(TelemetrySchema schema, string name)
        => schema.MetricIndex(name) is var place and >= 0 ? schema.Metrics[place] : Metric.Found(name);
}
