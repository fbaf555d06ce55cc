using Microsoft.Extensions.Configuration;
using Tidemark.Ingest.Messages;

namespace Tidemark.Configuration;

public sealed partial class OptionsLoader
{
    private const int MostMessage = 16 << 20;

    private MqttOptions BindMqtt()
    {
        var defaults = new MqttOptions();
        var options = new MqttOptions
        {
            Listen = [.. List("mqtt:listen").Select(text => Address("mqtt:listen", text)).OfType<Uri>()],
            Certificate = Text("mqtt:certificate"),
            CertificateKey = Text("mqtt:certificate_key"),
            MaxMessage = (int)Math.Min(Size("mqtt:max_message", defaults.MaxMessage), MostMessage),
            MaxConnections = Whole("mqtt:max_connections", defaults.MaxConnections),
            TimeZone = Zone(Text("mqtt:time_zone"), "mqtt:time_zone"),
            Presets = Text("mqtt:presets") is null ? defaults.Presets : [.. List("mqtt:presets").Where(p => p != "none")],
            Topics = [.. _configuration.GetSection("mqtt:topics").GetChildren().Select(BindTopic).OfType<TopicRule>()],
            Brokers = [.. _configuration.GetSection("mqtt:brokers").GetChildren().Select(BindBroker).OfType<MqttBrokerOptions>()],
        };
        foreach (var unknown in options.Presets.Except(TopicPresets.Names))
        {
            _errors.Add($"mqtt:presets: there is no preset '{unknown}'; there are {string.Join(", ", TopicPresets.Names)}, or none");
        }

        if (options.Listen.Any(IsSecure) && options.Certificate is null)
        {
            _errors.Add("mqtt:certificate: mqtts needs a certificate: set the files mqtt:certificate and mqtt:certificate_key");
        }

        return options with { Presets = [.. options.Presets.Intersect(TopicPresets.Names)] };
    }

    private TopicRule? BindTopic(IConfigurationSection section)
    {
        var format = PayloadFormat.Json;
        if (section["format"] is { } text && (!Enum.TryParse(text, ignoreCase: true, out format) || !char.IsAsciiLetter(text[0])))
        {
            _errors.Add($"{section.Path}:format: '{text}' is not json, value, influx or sparkplug");
        }

        var unit = TimeUnit.Find(section["time_unit"]);
        if (section["time_unit"] is { } unitText && unit is null)
        {
            _errors.Add($"{section.Path}:time_unit: '{unitText}' is not {TimeUnit.Form}");
        }

        if (!TopicPattern.TryParse(section["topic"], out var topic))
        {
            _errors.Add($"{section.Path}:topic: '{section["topic"]}' is not {TopicPattern.Form}");
            return null;
        }

        if (format == PayloadFormat.Value && !(topic.HasSensor && topic.HasMetric))
        {
            _errors.Add($"{section.Path}:topic: '{topic}' has to have {{sensor}} and {{metric}}: a single value names neither");
        }

        return new TopicRule
        {
            Topic = topic,
            Format = format,
            TimeUnit = unit,
            TimeZone = Zone(section["time_zone"], $"{section.Path}:time_zone") ?? Zone(Text("mqtt:time_zone"), null),
            Values = section["values"],
            Time = section["time"],
            Ignore = List($"{section.Path}:ignore"),
            Retained = Boolean($"{section.Path}:retained", false),
        };
    }

    private MqttBrokerOptions? BindBroker(IConfigurationSection section)
    {
        if (Address($"{section.Path}:address", section["address"] ?? "") is not { } address)
        {
            return null;
        }

        var qos = section["qos"] ?? "1";
        if (qos is not ("0" or "1" or "2"))
        {
            _errors.Add($"{section.Path}:qos: '{qos}' is not 0, 1 or 2");
            qos = "1";
        }

        if (section["password"] is not null && section["password_file"] is not null)
        {
            _errors.Add($"{section.Path}: password and password_file are both there: leave one out");
        }

        if (section["share"] is { } share && (share.Length == 0 || share.AsSpan().IndexOfAny("/+#") >= 0))
        {
            _errors.Add($"{section.Path}:share: '{share}' is not a group's name without /, + and #");
        }

        return new MqttBrokerOptions
        {
            Address = address,
            Authority = section["ca"],
            User = section["user"],
            Password = section["password"],
            PasswordFile = section["password_file"],
            ClientId = section["client_id"] is { Length: > 0 } id ? id : "tidemark",
            Persistent = Boolean($"{section.Path}:persistent", true),
            Qos = qos[0] - '0',
            Share = section["share"],
        };
    }

    private static bool IsSecure(Uri address) => address.Scheme == "mqtts";

    private Uri? Address(string key, string text)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "mqtt" or "mqtts" && uri.Host.Length > 0
            && uri.PathAndQuery is "/" or "" && uri.UserInfo.Length == 0)
        {
            return uri.Port >= 0 ? uri : new UriBuilder(uri) { Port = IsSecure(uri) ? 8883 : 1883 }.Uri;
        }

        _errors.Add($"{key}: '{text}' is not an address such as mqtt://127.0.0.1:1883 or mqtts://broker.example.org:8883");
        return null;
    }

    /// <param name="name">Null for none.</param>
    /// <param name="key">Where it is set; null when an error was told already.</param>
    private TimeZoneInfo? Zone(string? name, string? key)
    {
        if (name is null)
        {
            return null;
        }

        if (TimeZones.TryFind(name, out var zone))
        {
            return zone;
        }

        if (key is not null)
        {
            _errors.Add($"{key}: '{name}' is not {TimeZones.Form}");
        }

        return null;
    }
}
