using Microsoft.Extensions.DependencyInjection;
using Tidemark.Configuration;

namespace Tidemark.Server.Mqtt;

internal static class MqttServices
{
    public static void AddMqtt(this IServiceCollection services, MqttOptions options)
    {
        services.AddSingleton<MqttReport>();
        if (!options.IsUsed)
        {
            return;
        }

        services.AddSingleton(new TopicRules(options.Rules));
        services.AddSingleton<MessageLog>();
        services.AddSingleton<MessageIntake>();
        services.AddSingleton<MessageWriter>();
        services.AddHostedService(s => s.GetRequiredService<MessageWriter>());
        if (options.Listen.Count > 0)
        {
            services.AddSingleton<MqttBroker>();
            services.AddHostedService(s => s.GetRequiredService<MqttBroker>());
        }

        foreach (var broker in options.Brokers)
        {
            services.AddSingleton(s => ActivatorUtilities.CreateInstance<MqttSubscriber>(s, broker));
        }

        services.AddHostedService<MqttSubscribers>();
    }
}

/// <summary>What <c>/api/status</c> tells of MQTT.</summary>
internal sealed class MqttReport(IServiceProvider services)
{
    /// <summary>Null where no messages come by MQTT.</summary>
    public MqttStatus? Status
    {
        get
        {
            if (services.GetService<MessageWriter>() is not { } writer)
            {
                return null;
            }

            var log = services.GetRequiredService<MessageLog>();
            var broker = services.GetService<MqttBroker>();
            return new MqttStatus(
                broker?.Addresses ?? [], broker?.Clients ?? 0, [.. services.GetServices<MqttSubscriber>().Select(s => s.Status)],
                log.Messages, log.Readings, writer.Waiting, log.Retained, writer.StoreError, log.Refused, log.LastRefused);
        }
    }
}
