using Tidemark.Alerts;

namespace Tidemark.Configuration;

/// <summary>Rules, and who is told when alerts fire and are resolved.</summary>
public sealed record AlertOptions
{
    /// <summary>The name of MQTT among the receivers of a rule.</summary>
    public const string MqttReceiver = "mqtt";

    /// <summary>Rules of the configuration; others are added by the API. Default none.</summary>
    public IReadOnlyList<AlertRule> Rules { get; init; } = [];

    /// <summary>The most pairs of a rule and a sensor that are evaluated. Default 500,000.</summary>
    public int MaxInstances { get; init; } = 500_000;

    /// <summary>Default none.</summary>
    public IReadOnlyList<WebhookOptions> Webhooks { get; init; } = [];

    /// <summary>Default null: none.</summary>
    public AlertMqttOptions? Mqtt { get; init; }

    /// <summary>The names that a rule may notify.</summary>
    public IReadOnlyList<string> Receivers
        => Mqtt is null ? [.. Webhooks.Select(w => w.Name)] : [.. Webhooks.Select(w => w.Name), MqttReceiver];
}

/// <summary>An address that changes of alerts are posted to, signed.</summary>
public sealed record WebhookOptions
{
    /// <summary>An <see cref="Identifier"/>.</summary>
    public required string Name { get; init; }

    public required Uri Url { get; init; }

    /// <summary>
    /// <c>whsec_</c> and 24 to 64 bytes in base64; several, separated by blanks, while one replaces another. A secret: it belongs into a
    /// file or into the environment, as <c>TIDEMARK_ALERTS__WEBHOOKS__0__SECRET</c>.
    /// </summary>
    public string? Secret { get; init; }

    /// <summary>The file of the secret, read with each delivery.</summary>
    public string? SecretFile { get; init; }
}

/// <summary>Where changes of alerts are published.</summary>
public sealed record AlertMqttOptions
{
    /// <summary>With <c>{rule}</c> and <c>{sensor}</c>.</summary>
    public required string Topic { get; init; }

    /// <summary>
    /// One of <see cref="MqttOptions.Brokers"/>, by its address; null for the broker that the server is, or else the first of those.
    /// </summary>
    public Uri? Broker { get; init; }

    /// <summary>Whether the broker keeps the last message of a topic. Default false.</summary>
    public bool Retain { get; init; }
}
