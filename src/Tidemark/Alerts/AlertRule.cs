using System.Globalization;
using Tidemark.Configuration;

namespace Tidemark.Alerts;

/// <summary>What a rule looks at.</summary>
public enum AlertCondition
{
    /// <summary>A metric's value is greater than the threshold.</summary>
    Above,

    /// <summary>A metric's value is less than the threshold.</summary>
    Below,

    /// <summary>A metric's rate of change is greater than the threshold.</summary>
    RateAbove,

    /// <summary>A metric's rate of change is less than the threshold.</summary>
    RateBelow,

    /// <summary>The sensor's last reading is older than a time.</summary>
    Silent,
}

/// <summary>How much an alert matters; for who is notified.</summary>
public enum AlertSeverity
{
    Info,
    Warning,
    Critical,
}

/// <summary>
/// An alerting rule: a condition that each sensor of some patterns may meet. Words are those of Prometheus: an alert is pending until its
/// condition has held for a time, then firing.
/// </summary>
public sealed record AlertRule
{
    /// <summary>An <see cref="Identifier"/>.</summary>
    public required string Name { get; init; }

    public SensorSelection Sensors { get; init; } = SensorSelection.All;

    /// <summary>Sensors that are left out. Default null: none.</summary>
    public SensorSelection? Except { get; init; }

    public required AlertCondition Condition { get; init; }

    /// <summary>The metric; null for silence, which readings of any metric end.</summary>
    public string? Metric { get; init; }

    /// <summary>Of the value, or of the change in the time of <see cref="Per"/>.</summary>
    public double Threshold { get; init; }

    /// <summary>A firing alert is over once the value is here or beyond. Default the threshold.</summary>
    public double Clear { get; init; }

    /// <summary>The unit of a rate's time.</summary>
    public TimeSpan Per { get; init; }

    /// <summary>The least time between the two readings that a rate is made of. Default zero: each reading and the one before.</summary>
    public TimeSpan Over { get; init; }

    /// <summary>How old the last reading of a sensor may be.</summary>
    public TimeSpan Silent { get; init; }

    /// <summary>How long, by the times of readings, the condition has to hold before the alert fires. Default zero.</summary>
    public TimeSpan For { get; init; }

    /// <summary>How long, by the times of readings, it has to be over before a firing alert is. Default zero.</summary>
    public TimeSpan KeepFiringFor { get; init; }

    public AlertSeverity Severity { get; init; } = AlertSeverity.Warning;

    /// <summary>For people; may be empty.</summary>
    public string Summary { get; init; } = "";

    /// <summary>The receivers that are told, by name; null for all that are configured.</summary>
    public IReadOnlyList<string>? Notify { get; init; }

    public bool IsRate => Condition is AlertCondition.RateAbove or AlertCondition.RateBelow;

    /// <summary>
    /// What an alert's state is made by, in words: states of a rule that says something else are of no use any more.
    /// </summary>
    public string Expression => Condition switch
    {
        AlertCondition.Silent => $"silent for more than {TypedText.Format(Silent)}",
        AlertCondition.Above or AlertCondition.Below => $"{Metric} {Side} {Number(Threshold)}",
        _ => $"{Metric} {Side} {Number(Threshold)} per {TypedText.Format(Per)}",
    } + (Over > TimeSpan.Zero ? $" over {TypedText.Format(Over)}" : "")
        + (Clear == Threshold ? "" : $", clear at {Number(Clear)}")
        + (For > TimeSpan.Zero ? $", for {TypedText.Format(For)}" : "")
        + (KeepFiringFor > TimeSpan.Zero ? $", keep firing for {TypedText.Format(KeepFiringFor)}" : "");

    private string Side => Condition switch
    {
        AlertCondition.Above => "above",
        AlertCondition.Below => "below",
        AlertCondition.RateAbove => "rate above",
        _ => "rate below",
    };

    public bool IsFor(string sensorId) => Sensors.Matches(sensorId) && Except?.Matches(sensorId) != true;

    /// <summary>Whether a value meets the condition, or keeps meeting it.</summary>
    internal bool IsMet(double value, bool isFiring) => Condition is AlertCondition.Above or AlertCondition.RateAbove
        ? value > (isFiring ? Clear : Threshold)
        : value < (isFiring ? Clear : Threshold);

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}
