using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tidemark.Alerts;
using Tidemark.Ingest.Messages;

namespace Tidemark.Configuration;

/// <summary>Writes options as a complete <c>tidemark.json</c>: what it prints can be read again.</summary>
public static class OptionsWriter
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
    };

    /// <summary>Every setting in its typed text form, secrets masked.</summary>
    public static string ToJson(TidemarkOptions options)
    {
        var json = Write(options);
        if (options.TimeUnit is { } unit)
        {
            json["time_unit"] = unit.Name;
        }

        if (options.StaleAfter is { } silence)
        {
            json["stale_after"] = TypedText.Format(silence);
        }

        return json.ToJsonString(Readable);
    }

    internal static JsonObject Write(TidemarkOptions options) => new()
    {
        ["store"] = options.Store.ToString(),
        ["chunk_interval"] = TypedText.Format(options.ChunkInterval),
        ["compress_after"] = Duration(options.CompressAfter),
        ["retention"] = Duration(options.Retention),
        ["max_skew"] = TypedText.Format(options.MaxSkew),
        ["oldest_time"] = options.OldestTime.ToString(),
        ["max_sensors"] = options.MaxSensors,
        ["new_metrics"] = options.NewMetrics.ToString().ToLowerInvariant(),
        ["max_metrics"] = options.MaxMetrics,
        ["line_protocol"] = new JsonObject
        {
            ["sensor_ids"] = string.Join(';', options.LineNaming.SensorIds),
            ["bare_measurements"] = string.Join(';', options.LineNaming.BareMeasurements),
        },
        ["real_time"] = options.RealTime,
        ["append_only"] = options.AppendOnly,
        ["maintenance"] = options.Maintenance.ToString().ToLowerInvariant(),
        ["schedule"] = new JsonObject
        {
            ["refresh"] = options.Schedule.Refresh ?? "never",
            ["compress"] = options.Schedule.Compress ?? "never",
            ["retain"] = options.Schedule.Retain ?? "never",
        },
        ["server"] = new JsonObject
        {
            ["urls"] = options.Server.Urls,
            ["keys"] = options.Server.Keys,
            ["hosts"] = string.Join(';', options.Server.Hosts),
            ["cors"] = string.Join(';', options.Server.Cors),
            ["trusted_proxies"] = string.Join(';', options.Server.TrustedProxies),
            ["max_body"] = TypedText.Format(options.Server.MaxBody),
            ["max_line"] = TypedText.Format((long)options.Server.MaxLine),
            ["max_rows"] = options.Server.MaxRows,
            ["heavy_reads"] = options.Server.HeavyReads,
            ["waiting_reads"] = options.Server.WaitingReads,
            ["live_clients"] = options.Server.LiveClients,
            ["write_memory"] = TypedText.Format(options.Server.WriteMemory),
            ["waiting_writes"] = options.Server.WaitingWrites,
            ["request_timeout"] = Duration(options.Server.RequestTimeout),
            ["drain"] = Duration(options.Server.Drain),
            ["stop_timeout"] = TypedText.Format(options.Server.StopTimeout),
            ["idle_timeout"] = TypedText.Format(options.Server.IdleTimeout),
            ["headers_timeout"] = TypedText.Format(options.Server.HeadersTimeout),
            ["min_rate"] = options.Server.MinRate,
        },
        ["mqtt"] = Mqtt(options.Mqtt),
        ["alerts"] = Alerts(options.Alerts),
        ["metrics"] = new JsonArray([.. options.Schema.Metrics.Select(Metric)]),
        ["aggregates"] = new JsonArray([.. options.Schema.Aggregates.Select(Aggregate)]),
    };

    private static JsonNode Mqtt(MqttOptions mqtt) => Compact(
        ("listen", mqtt.Listen.Count == 0 ? null : string.Join(';', mqtt.Listen.Select(Address))),
        ("certificate", mqtt.Certificate),
        ("certificate_key", mqtt.CertificateKey),
        ("max_message", TypedText.Format((long)mqtt.MaxMessage)),
        ("max_connections", mqtt.MaxConnections),
        ("time_zone", mqtt.TimeZone?.Id),
        ("presets", mqtt.Presets.Count == 0 ? "none" : string.Join(';', mqtt.Presets)),
        ("topics", mqtt.Topics.Count == 0 ? null : new JsonArray([.. mqtt.Topics.Select(Topic)])),
        ("brokers", mqtt.Brokers.Count == 0 ? null : new JsonArray([.. mqtt.Brokers.Select(Broker)])));

    private static JsonNode Topic(TopicRule rule) => Compact(
        ("topic", rule.Topic.ToString()),
        ("format", rule.Format.ToString().ToLowerInvariant()),
        ("time_unit", rule.TimeUnit?.Name),
        ("time_zone", rule.TimeZone?.Id),
        ("values", rule.Values),
        ("time", rule.Time),
        ("ignore", rule.Ignore.Count == 0 ? null : string.Join(';', rule.Ignore)),
        ("retained", rule.Retained));

    private static JsonNode Broker(MqttBrokerOptions broker) => Compact(
        ("address", Address(broker.Address)),
        ("ca", broker.Authority),
        ("user", broker.User),
        ("password_file", broker.PasswordFile),
        ("client_id", broker.ClientId),
        ("persistent", broker.Persistent),
        ("qos", broker.Qos),
        ("share", broker.Share));

    private static JsonNode Alerts(AlertOptions alerts) => Compact(
        ("max_instances", alerts.MaxInstances),
        ("rules", alerts.Rules.Count == 0 ? null : new JsonArray([.. alerts.Rules.Select(Rule)])),
        ("webhooks", alerts.Webhooks.Count == 0 ? null : new JsonArray([.. alerts.Webhooks.Select(Webhook)])),
        ("mqtt", alerts.Mqtt is null ? null : Compact(
            ("topic", alerts.Mqtt.Topic),
            ("broker", alerts.Mqtt.Broker is { } broker ? Address(broker) : null),
            ("retain", alerts.Mqtt.Retain))));

    private static JsonNode Webhook(WebhookOptions webhook) => Compact(
        ("name", webhook.Name),
        ("url", webhook.Url.OriginalString),
        ("secret_file", webhook.SecretFile));

    /// <summary>A rule as the configuration and the API have it.</summary>
    public static JsonObject Rule(AlertRule rule) => Compact(
        ("name", rule.Name),
        ("sensors", rule.Sensors.ToString()),
        ("except", rule.Except?.ToString()),
        ("metric", rule.Metric),
        ("above", rule.Condition == AlertCondition.Above ? rule.Threshold : null),
        ("below", rule.Condition == AlertCondition.Below ? rule.Threshold : null),
        ("rate_above", rule.Condition == AlertCondition.RateAbove ? rule.Threshold : null),
        ("rate_below", rule.Condition == AlertCondition.RateBelow ? rule.Threshold : null),
        ("silent", Duration(rule.Silent)),
        ("clear", rule.Clear == rule.Threshold ? null : rule.Clear),
        ("per", Duration(rule.Per)),
        ("over", Duration(rule.Over)),
        ("for", Duration(rule.For)),
        ("keep_firing_for", Duration(rule.KeepFiringFor)),
        ("severity", rule.Severity.ToString().ToLowerInvariant()),
        ("summary", rule.Summary.Length == 0 ? null : rule.Summary),
        ("notify", rule.Notify is { } notify ? notify.Count == 0 ? "none" : string.Join(';', notify) : null));

    private static string? Duration(TimeSpan duration) => duration == TimeSpan.Zero ? null : TypedText.Format(duration);

    private static string Address(Uri address) => address.GetLeftPart(UriPartial.Authority);

    private static JsonNode Metric(Metric metric) => Compact(
        ("name", metric.Name),
        ("unit", metric.Unit),
        ("min", metric.Minimum),
        ("max", metric.Maximum),
        ("shape", new JsonObject
        {
            ["low"] = metric.Shape.Low,
            ["high"] = metric.Shape.High,
            ["daily"] = metric.Shape.Daily,
            ["yearly"] = metric.Shape.Yearly,
            ["drift"] = metric.Shape.Drift,
            ["noise"] = metric.Shape.Noise,
        }));

    private static JsonNode Aggregate(AggregateDefinition aggregate) => Compact(
        ("name", aggregate.Name),
        ("table", aggregate.Table),
        ("bucket", aggregate.Bucket.ToString()),
        ("bucket_column", aggregate.BucketColumn),
        ("retention", Duration(aggregate.Retention)),
        ("columns", aggregate.ExtraColumns.Count == 0
            ? null
            : new JsonObject(aggregate.ExtraColumns.Select(c => KeyValuePair.Create(c.Name, (JsonNode?)c.Expression)))));

    private static JsonObject Compact(params (string Name, JsonNode? Value)[] members)
        => new(members.Where(m => m.Value is not null).Select(m => KeyValuePair.Create(m.Name, m.Value)));

    private static string Duration(TimeSpan? duration) => duration is { } span ? TypedText.Format(span) : "never";
}
