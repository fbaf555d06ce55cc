using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tidemark.Configuration;
using Tidemark.Server.Mqtt;

namespace Tidemark.Server.Alerts;

/// <summary>Who can be told of alerts: the webhooks that are configured, and MQTT.</summary>
internal sealed class AlertReceivers : IDisposable
{
    private readonly HttpMessageInvoker _client = WebhookSender.CreateClient();
    private readonly TimeProvider _clock;

    public AlertReceivers(
        TidemarkOptions options, ITelemetryStore store, TimeProvider clock, IServiceProvider services, ILogger<AlertReceivers> logger)
    {
        _clock = clock;
        All = [.. options.Alerts.Webhooks.Select(w => new WebhookSender(w, _client, clock).Receiver)];
        if (options.Alerts.Mqtt is { } mqtt)
        {
            All = [.. All, new MqttPublisher(mqtt, services.GetService<MqttBroker>(), services.GetServices<MqttSubscriber>()).Receiver];
        }

        Outboxes = All.ToDictionary(r => r.Name, r => new AlertOutbox(r, store, clock, logger));
    }

    public IReadOnlyList<AlertReceiver> All { get; }

    /// <summary>By the receiver's name.</summary>
    public IReadOnlyDictionary<string, AlertOutbox> Outboxes { get; }

    /// <summary>Delivers what waits, until cancelled.</summary>
    public async Task DeliverAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(
                [Task.Delay(Timeout.Infinite, cancellationToken), .. Outboxes.Values.Select(outbox => outbox.RunAsync(cancellationToken))]);
        }
        finally
        {
            // It is kept with the store, for whoever delivers next.
            foreach (var outbox in Outboxes.Values)
            {
                outbox.Clear();
            }
        }
    }

    /// <summary>Sends a message to try it out, once.</summary>
    /// <returns>Null when there is no such receiver.</returns>
    public async Task<Delivery?> TestAsync(string name, CancellationToken cancellationToken)
        => All.FirstOrDefault(r => r.Name == name) is { } receiver
            ? await receiver.SendAsync(AlertMessage.Test(name, Instant.From(_clock.GetUtcNow())), cancellationToken)
            : null;

    public void Dispose() => _client.Dispose();
}
