using Tidemark.Ingest.Messages;

namespace Tidemark.Configuration;

/// <summary>Messages by MQTT: from clients of a broker that the server is, and from brokers that it subscribes to.</summary>
public sealed record MqttOptions
{
    /// <summary>Where the server is a broker: <c>mqtt://HOST:PORT</c> or <c>mqtts://HOST:PORT</c>. Default none.</summary>
    public IReadOnlyList<Uri> Listen { get; init; } = [];

    /// <summary>The file of the broker's certificate, in PEM, with those between it and its authority. Default null.</summary>
    public string? Certificate { get; init; }

    /// <summary>The file of the certificate's private key, in PEM. Default null: it stands in the file of the certificate.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>The largest message in bytes. Default 256 KiB.</summary>
    public int MaxMessage { get; init; } = 256 << 10;

    /// <summary>How many clients the broker may have at once. Default 10,000.</summary>
    public int MaxConnections { get; init; } = 10_000;

    /// <summary>Of devices that tell local times. Default null: their messages have the time of arrival.</summary>
    public TimeZoneInfo? TimeZone { get; init; }

    /// <summary>The presets whose topics are read. Default all.</summary>
    public IReadOnlyList<string> Presets { get; init; } = TopicPresets.Names;

    /// <summary>Rules besides the presets, which they precede. Default none.</summary>
    public IReadOnlyList<TopicRule> Topics { get; init; } = [];

    /// <summary>Where the server is a client. Default none.</summary>
    public IReadOnlyList<MqttBrokerOptions> Brokers { get; init; } = [];

    public bool IsUsed => Listen.Count > 0 || Brokers.Count > 0;

    /// <summary>The first that is for a topic counts.</summary>
    public IReadOnlyList<TopicRule> Rules => [.. Topics, .. Presets.SelectMany(preset => TopicPresets.Of(preset, TimeZone))];
}

/// <summary>A broker that the server subscribes to.</summary>
public sealed record MqttBrokerOptions
{
    /// <summary><c>mqtt://HOST:PORT</c> or <c>mqtts://HOST:PORT</c>.</summary>
    public required Uri Address { get; init; }

    /// <summary>The file of the authority, in PEM, that signed the broker's certificate. Null: this machine's authorities.</summary>
    public string? Authority { get; init; }

    public string? User { get; init; }

    /// <summary>A secret: it belongs into a file or into the environment, as <c>TIDEMARK_MQTT__BROKERS__0__PASSWORD</c>.</summary>
    public string? Password { get; init; }

    /// <summary>The file of the password, read with each connection.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Names the session: no two clients of a broker may have the same. Default <c>tidemark</c>.</summary>
    public string ClientId { get; init; } = "tidemark";

    /// <summary>Whether the broker keeps messages while the server is away. Default true.</summary>
    public bool Persistent { get; init; } = true;

    /// <summary>The most that is asked of the broker: 0, 1 or 2. Default 1.</summary>
    public int Qos { get; init; } = 1;

    /// <summary>The group of a shared subscription, whose members get each message once between them. Default null: none.</summary>
    public string? Share { get; init; }
}
