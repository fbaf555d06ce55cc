using Microsoft.Extensions.Configuration;
using Tidemark.Alerts;

namespace Tidemark.Configuration;

public sealed partial class OptionsLoader
{
    private const int MostRules = 1000;

    private AlertOptions BindAlerts(MqttOptions mqtt)
    {
        var options = new AlertOptions
        {
            MaxInstances = Whole("alerts:max_instances", new AlertOptions().MaxInstances),
            Webhooks = [.. _configuration.GetSection("alerts:webhooks").GetChildren().Select(BindWebhook).OfType<WebhookOptions>()],
            Mqtt = BindAlertMqtt(mqtt),
        };
        foreach (var name in options.Receivers.CountBy(name => name).Where(n => n.Value > 1).Select(n => n.Key))
        {
            _errors.Add($"alerts:webhooks: there are two receivers '{name}'");
        }

        var binder = new AlertRuleBinder(options.Receivers, _errors);
        var sections = _configuration.GetSection("alerts:rules").GetChildren().ToList();
        if (sections.Count > MostRules)
        {
            _errors.Add($"alerts:rules: there are {sections.Count} rules, at most {MostRules} are taken");
        }

        var rules = sections.Select(section => binder.Bind(section, section.Path)).OfType<AlertRule>().ToList();
        foreach (var name in rules.CountBy(r => r.Name).Where(n => n.Value > 1).Select(n => n.Key))
        {
            _errors.Add($"alerts:rules: there are two rules '{name}'");
        }

        return options with { Rules = rules };
    }

    private WebhookOptions? BindWebhook(IConfigurationSection section)
    {
        var name = section["name"] ?? "";
        if (!Identifier.IsValid(name) || name is AlertOptions.MqttReceiver or "none")
        {
            _errors.Add($"{section.Path}:name: '{name}' is not {Identifier.Form}, or it means something else");
            return null;
        }

        if (section["secret"] is null == section["secret_file"] is null)
        {
            _errors.Add($"{section.Path}: one of secret and secret_file has to be there: what is sent is signed");
        }

        if (section["secret"] is { } secret && !WebhookSignature.TryReadSecret(secret, out _))
        {
            _errors.Add($"{section.Path}:secret: it is not {WebhookSignature.SecretForm}");
        }

        if (!Uri.TryCreate(section["url"], UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")
            || url.UserInfo.Length > 0)
        {
            _errors.Add($"{section.Path}:url: '{section["url"]}' is not an address such as https://example.org/hooks/tidemark");
            return null;
        }

        return new WebhookOptions { Name = name, Url = url, Secret = section["secret"], SecretFile = section["secret_file"] };
    }

    private AlertMqttOptions? BindAlertMqtt(MqttOptions mqtt)
    {
        if (!_configuration.GetSection("alerts:mqtt").Exists())
        {
            return null;
        }

        if (!mqtt.IsUsed)
        {
            _errors.Add("alerts:mqtt: nothing can be published: set mqtt:listen, or add a broker to mqtt:brokers");
        }

        var topic = Text("alerts:mqtt:topic") ?? "";
        var bare = topic.Replace("{rule}", "", StringComparison.Ordinal).Replace("{sensor}", "", StringComparison.Ordinal);
        if (topic.Length is 0 or > 200 || bare.AsSpan().IndexOfAny("+#{}\0") >= 0 || topic.StartsWith('$'))
        {
            _errors.Add($"alerts:mqtt:topic: '{topic}' is not a topic such as tidemark/alerts/{{rule}}/{{sensor}}");
        }

        var broker = Text("alerts:mqtt:broker") is { } text ? Address("alerts:mqtt:broker", text) : null;
        if (broker is not null && mqtt.Brokers.All(b => b.Address != broker))
        {
            _errors.Add($"alerts:mqtt:broker: '{broker.GetLeftPart(UriPartial.Authority)}' is none of mqtt:brokers");
        }

        return new AlertMqttOptions { Topic = topic, Broker = broker, Retain = Boolean("alerts:mqtt:retain", false) };
    }
}
