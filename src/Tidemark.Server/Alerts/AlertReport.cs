using Tidemark.Alerts;
using Tidemark.Configuration;

namespace Tidemark.Server.Alerts;

/// <summary>What <c>/api/status</c> tells of alerts.</summary>
internal sealed class AlertReport(TidemarkOptions options, ITelemetryStore store, AlertReceivers receivers, AlertCounts counts)
{
    private const int Most = 100;

    /// <summary>Null where there are no rules.</summary>
    public async Task<AlertStatus?> ReadAsync(CancellationToken cancellationToken)
    {
        var rules = await AlertDocuments.ReadAllRulesAsync(options.Alerts, store, cancellationToken);
        if (rules.Count == 0)
        {
            return null;
        }

        var (pending, firing) = (0, new List<ActiveAlert>());
        await foreach (var alert in AlertDocuments.ReadAlertsAsync(store, cancellationToken))
        {
            if (alert.State == AlertState.Pending)
            {
                pending++;
            }
            else
            {
                firing.Add(alert);
            }
        }

        return counts.Status with
        {
            Rules = rules.Count,
            Pending = pending,
            Firing = firing.Count,
            Receivers = [.. receivers.Outboxes.Values.Select(o => o.Status)],
            Alerts = [.. firing.Take(Most)],
        };
    }
}
