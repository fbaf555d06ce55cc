using Tidemark.Alerts;

namespace Tidemark.Storage;

/// <summary>How rules are evaluated, and who was told; numbers of what happened count since the server's start.</summary>
/// <param name="Evaluating">Whether this server evaluates the rules; of several that share a store one does.</param>
/// <param name="Rules">How many.</param>
/// <param name="Instances">Pairs of a rule and a sensor.</param>
/// <param name="NotEvaluated">Pairs beyond <c>alerts:max_instances</c>, which are not evaluated.</param>
/// <param name="Pending">Alerts whose condition is met, and not for long enough yet.</param>
/// <param name="Firing">Alerts that are firing.</param>
/// <param name="Fired">How often an alert fired.</param>
/// <param name="Resolved">How often one was resolved.</param>
/// <param name="Late">Readings that came after a later one of their sensor, changed nothing, and say otherwise than the state.</param>
/// <param name="Missed">Readings that were not looked at, since the server was away or too slow, but for each sensor's last one.</param>
/// <param name="Error">Why nothing is evaluated or kept now; null when all is well.</param>
/// <param name="Receivers">Webhooks and MQTT.</param>
/// <param name="Alerts">Those that are firing, the first hundred by rule and sensor.</param>
public sealed record AlertStatus(
    bool Evaluating, int Rules, int Instances, long NotEvaluated, int Pending, int Firing, long Fired, long Resolved, long Late,
    long Missed, string? Error, IReadOnlyList<AlertReceiverStatus> Receivers, IReadOnlyList<ActiveAlert> Alerts);

/// <param name="Name">As rules name it.</param>
/// <param name="Address">Where messages go.</param>
/// <param name="Waiting">Messages that it hasn't taken yet.</param>
/// <param name="Delivered">Messages that it took.</param>
/// <param name="Failures">Attempts that failed.</param>
/// <param name="GivenUp">Messages that it refused, or didn't take for three days.</param>
/// <param name="Dropped">Messages that were dropped because too many waited.</param>
/// <param name="LastDelivery">When it last took one.</param>
/// <param name="Error">Why the last attempt failed; null after one that didn't.</param>
public sealed record AlertReceiverStatus(
    string Name, string Address, int Waiting, long Delivered, long Failures, long GivenUp, long Dropped, Instant? LastDelivery,
    string? Error);
