using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tidemark.Alerts;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Alerts;

/// <summary>What one receiver is told of one change.</summary>
/// <param name="Receiver">Its name.</param>
/// <param name="Id">The same for all receivers and attempts.</param>
/// <param name="Created">When the change was seen, by the server's clock.</param>
/// <param name="Rule">The rule's name.</param>
/// <param name="SensorId">The sensor.</param>
/// <param name="Body">JSON, as it is sent.</param>
internal sealed record AlertMessage(string Receiver, string Id, Instant Created, string Rule, string SensorId, string Body)
{
    /// <summary>Documents of a receiver stand in the order of their changes.</summary>
    [JsonIgnore]
    public string Document => $"{AlertDocuments.Outbox}{Receiver}/{Id}";

    /// <summary>What messages stand in order by.</summary>
    [JsonIgnore]
    public long Sequence => long.Parse(Id.Split('_')[1], CultureInfo.InvariantCulture);

    /// <param name="sequence">Rises from change to change.</param>
    public static string NewId(long sequence) => string.Create(
        CultureInfo.InvariantCulture, $"alert_{sequence:D19}_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}");

    public static string BodyOf(AlertChange change)
    {
        var alert = change.Alert;
        var isFiring = alert.State == AlertState.Firing;
        var data = new AlertData(
            alert.Rule, alert.SensorId, isFiring ? "firing" : "resolved", alert.Severity, alert.Expression, alert.Summary, alert.Value,
            alert.ActiveSince, alert.FiredAt ?? alert.ActiveSince, isFiring ? null : change.At, change.Reason);
        return JsonSerializer.Serialize(new Payload<AlertData>($"alert.{data.State}", change.At, data), WireJson.Options);
    }

    public static AlertMessage Test(string receiver, Instant now) => new(
        receiver, NewId(now.Micros), now, "test", "test",
        JsonSerializer.Serialize(new Payload<object>("alert.test", now, new { Receiver = receiver }), WireJson.Options));

    /// <summary>As Standard Webhooks recommends it.</summary>
    private sealed record Payload<T>(string Type, Instant Timestamp, T Data);
}

/// <param name="Rule">The rule's name.</param>
/// <param name="SensorId">The sensor.</param>
/// <param name="State"><c>firing</c> or <c>resolved</c>.</param>
/// <param name="Severity">The rule's.</param>
/// <param name="Expression">The rule's condition in words.</param>
/// <param name="Summary">The rule's.</param>
/// <param name="Value">The value, or rate, that changed the state; null for silence.</param>
/// <param name="ActiveSince">The time of the reading that first met the condition.</param>
/// <param name="FiredAt">When it fired.</param>
/// <param name="ResolvedAt">When it was resolved; null while it is firing.</param>
/// <param name="Reason">Why it was resolved without a reading; null for all others.</param>
internal sealed record AlertData(
    string Rule, string SensorId, string State, AlertSeverity Severity, string Expression, string Summary, double? Value,
    Instant ActiveSince, Instant FiredAt, Instant? ResolvedAt, string? Reason);
