namespace Tidemark.Alerts;

public enum AlertState
{
    /// <summary>The condition isn't met.</summary>
    Inactive,

    /// <summary>It is met, and not for long enough yet.</summary>
    Pending,

    /// <summary>It has been met for long enough, and isn't over.</summary>
    Firing,
}

/// <summary>An alert that is pending or firing, as a store keeps it.</summary>
/// <param name="Rule">The rule's name.</param>
/// <param name="SensorId">The sensor.</param>
/// <param name="State">Pending or firing.</param>
/// <param name="Severity">The rule's.</param>
/// <param name="Expression">The rule's condition in words, see <see cref="AlertRule.Expression"/>.</param>
/// <param name="Summary">The rule's.</param>
/// <param name="ActiveSince">The time of the reading that first met the condition.</param>
/// <param name="FiredAt">The time at which it fired; null while it is pending.</param>
/// <param name="ClearSince">From when on a firing alert's condition has been over; null while it is met.</param>
/// <param name="LastTime">The reading that made the state what it is.</param>
/// <param name="Value">Its value, or rate; null for silence.</param>
public sealed record ActiveAlert(
    string Rule, string SensorId, AlertState State, AlertSeverity Severity, string Expression, string Summary, Instant ActiveSince,
    Instant? FiredAt, Instant? ClearSince, Instant LastTime, double? Value);

/// <summary>An alert that fired or was resolved.</summary>
/// <param name="Alert">As it is now; the state inactive says that it is resolved.</param>
/// <param name="At">The time of the reading that did it, or when a sensor had been silent for too long.</param>
/// <param name="Notify">See <see cref="AlertRule.Notify"/>.</param>
/// <param name="Reason">Why an alert was resolved that no reading resolved; null for the others.</param>
public sealed record AlertChange(ActiveAlert Alert, Instant At, IReadOnlyList<string>? Notify, string? Reason = null);
