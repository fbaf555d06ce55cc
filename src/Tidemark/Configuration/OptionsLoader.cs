using Cronos;
using Microsoft.Extensions.Configuration;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Configuration;

/// <summary>The configuration is wrong: every error, not only the first.</summary>
public sealed class OptionsException(IReadOnlyList<string> errors)
    : Exception(
        $"the configuration has {errors.Count} {(errors.Count == 1 ? "error" : "errors")}:{string.Concat(errors.Select(e => $"\n  {e}"))}")
{
    public IReadOnlyList<string> Errors { get; } = errors;
}

/// <summary>
/// Binds <see cref="TidemarkOptions"/>: defaults in code, then what the store itself has, then <c>tidemark.json</c>, then environment
/// variables (<c>TIDEMARK_CHUNK_INTERVAL</c>, <c>TIDEMARK_SERVER__URLS</c>), then what the command line sets.
/// </summary>
public sealed partial class OptionsLoader
{
    public const string FileName = "tidemark.json";

    private readonly IConfiguration _configuration;
    private readonly List<string> _errors = [];

    private OptionsLoader(IConfiguration configuration) => _configuration = configuration;

    /// <param name="file">The configuration file, or null for <c>tidemark.json</c> in the working directory if it is there.</param>
    /// <param name="overrides">Settings of the command line, such as <c>store</c> and <c>server:urls</c>; null values are left out.</param>
    /// <param name="stored">The store's own settings, see <see cref="StoredConfiguration"/>; null when there are none.</param>
    /// <exception cref="OptionsException">With every error found.</exception>
    public static TidemarkOptions Load(string? file, IEnumerable<KeyValuePair<string, string?>> overrides, string? stored = null)
    {
        if (file is not null && !File.Exists(file))
        {
            throw new OptionsException([$"{file}: there is no such file"]);
        }

        var path = Path.GetFullPath(file ?? FileName);
        try
        {
            var fromFile = new ConfigurationBuilder().AddJsonFile(path, optional: true).Build();
            var said = new ConfigurationBuilder()
                .AddConfiguration(fromFile)
                .AddEnvironmentVariables("TIDEMARK_")
                .AddInMemoryCollection(overrides.Where(o => o.Value is not null))
                .Build();
            return Load(stored is null ? said : StoredConfiguration.Below(said, stored), fromFile);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            throw new OptionsException([$"{path}: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}"]);
        }
    }

    /// <summary>Binds a configuration already built.</summary>
    /// <param name="configuration">All layers.</param>
    /// <param name="strict">The layer in which an unknown key is an error; null for none.</param>
    public static TidemarkOptions Load(IConfiguration configuration, IConfiguration? strict = null)
    {
        var loader = new OptionsLoader(configuration);
        if (strict is not null)
        {
            loader.RefuseUnknownKeys(strict);
        }

        var options = loader.Bind();
        return loader._errors.Count == 0 ? options : throw new OptionsException(loader._errors);
    }

    private TidemarkOptions Bind()
    {
        var metrics = BindMetrics();
        var chunkInterval = Duration("chunk_interval") ?? TimeSpan.FromDays(7);
        var store = BindStore();
        var mqtt = BindMqtt();
        var options = new TidemarkOptions
        {
            Store = store,
            Schema = new SchemaBinder(_errors).Bind(_configuration.GetSection("aggregates"), metrics),
            ChunkInterval = chunkInterval,
            CompressAfter = OptionalDuration("compress_after", TimeSpan.FromDays(7)),
            Retention = OptionalDuration("retention", null),
            MaxSkew = Duration("max_skew") ?? TimeSpan.FromHours(1),
            StaleAfter = Duration("stale_after"),
            OldestTime = Time("oldest_time", Instant.Utc(1900, 1, 1)),
            TimeUnit = BindTimeUnit(),
            MaxSensors = Whole("max_sensors", TidemarkOptions.DefaultMaxSensors),
            NewMetrics = BindNewMetrics(),
            MaxMetrics = Whole("max_metrics", TidemarkOptions.DefaultMaxMetrics),
            LineNaming = BindLineNaming(),
            RealTime = Boolean("real_time", true),
            Key = Text("key"),
            Maintenance = BindMaintenance(store),
            AppendOnly = BindAppendOnly(store),
            KeepAggregatesAs = Name("keep_aggregates_as"),
            Schedule = new ScheduleOptions
            {
                Refresh = Cron("schedule:refresh", new ScheduleOptions().Refresh),
                Compress = Cron("schedule:compress", new ScheduleOptions().Compress),
                Retain = Cron("schedule:retain", new ScheduleOptions().Retain),
            },
            Server = new ServerOptions
            {
                Urls = Text("server:urls") ?? new ServerOptions().Urls,
                Keys = Text("server:keys") ?? new ServerOptions().Keys,
                Hosts = Hosts("server:hosts"),
                Cors = Origins("server:cors"),
                TrustedProxies = Networks("server:trusted_proxies"),
                MaxBody = Size("server:max_body", new ServerOptions().MaxBody),
                MaxLine = (int)Math.Min(Size("server:max_line", new ServerOptions().MaxLine), 16 << 20),
                MaxRows = Whole("server:max_rows", new ServerOptions().MaxRows),
                HeavyReads = Whole("server:heavy_reads", new ServerOptions().HeavyReads),
                WaitingReads = Whole("server:waiting_reads", new ServerOptions().WaitingReads),
                LiveClients = Whole("server:live_clients", new ServerOptions().LiveClients),
                WriteMemory = Size("server:write_memory", new ServerOptions().WriteMemory),
                WaitingWrites = Whole("server:waiting_writes", new ServerOptions().WaitingWrites),
                RequestTimeout = OptionalDuration("server:request_timeout", new ServerOptions().RequestTimeout),
                Drain = OptionalDuration("server:drain", null),
                StopTimeout = Duration("server:stop_timeout") ?? new ServerOptions().StopTimeout,
                IdleTimeout = Duration("server:idle_timeout") ?? new ServerOptions().IdleTimeout,
                HeadersTimeout = Duration("server:headers_timeout") ?? new ServerOptions().HeadersTimeout,
                MinRate = Whole("server:min_rate", new ServerOptions().MinRate),
            },
            Mqtt = mqtt,
            Alerts = BindAlerts(mqtt),
        };
        CheckRetention(options);
        return options;
    }

    private StoreUri BindStore()
    {
        var text = Text("store") ?? StoreUri.Default;
        if (!StoreUri.TryParse(text, out var uri))
        {
            _errors.Add($"store: '{text}' is not {StoreUri.Form}");
        }

        return uri;
    }

    private MaintenanceOwner BindMaintenance(StoreUri store)
    {
        var fallback = store.Kind == StoreKind.Timescale ? MaintenanceOwner.Database : MaintenanceOwner.Server;
        var text = Text("maintenance");
        if (text is null)
        {
            return fallback;
        }

        if (!Enum.TryParse<MaintenanceOwner>(text, ignoreCase: true, out var owner) || !Enum.IsDefined(owner)
            || text.AsSpan().ContainsAnyInRange('0', '9'))
        {
            _errors.Add($"maintenance: '{text}' is not database, server or external");
            return fallback;
        }

        if (owner == MaintenanceOwner.Database && store.Kind == StoreKind.DuckDb)
        {
            _errors.Add("maintenance: an embedded database runs no jobs by itself: choose server or external");
        }

        return owner;
    }

    private bool BindAppendOnly(StoreUri store)
    {
        var appendOnly = Boolean("append_only", false);
        if (appendOnly && store.Kind == StoreKind.DuckDb)
        {
            _errors.Add("append_only: an embedded store always knows readings by sensor and time: leave it out, or store in TimescaleDB");
        }

        return appendOnly;
    }

    private NewMetrics BindNewMetrics()
    {
        switch (Text("new_metrics"))
        {
            case null or "add":
                return NewMetrics.Add;
            case "refuse":
                return NewMetrics.Refuse;
            case var text:
                _errors.Add($"new_metrics: '{text}' is not add or refuse");
                return NewMetrics.Add;
        }
    }

    private LineNaming BindLineNaming()
    {
        var errors = new List<string>();
        var naming = LineNaming.Default.With(Text("line_protocol:sensor_ids"), Text("line_protocol:bare_measurements"), errors);
        _errors.AddRange(errors.Select(e => $"line_protocol:sensor_ids: {e}"));
        return naming;
    }

    private TimeUnit? BindTimeUnit()
    {
        var text = Text("time_unit");
        var unit = TimeUnit.Find(text);
        if (text is not null && unit is null)
        {
            _errors.Add($"time_unit: '{text}' is not {TimeUnit.Form}");
        }

        return unit;
    }

    private List<Metric> BindMetrics()
    {
        var sections = _configuration.GetSection("metrics").GetChildren().ToList();
        if (sections.Count == 0)
        {
            return [.. DefaultSchema.Metrics];
        }

        var metrics = new List<Metric>();
        foreach (var section in sections)
        {
            var name = section["name"] ?? "";
            var known = DefaultSchema.Metrics.FirstOrDefault(m => m.Name == name);
            if (!Identifier.IsValid(name))
            {
                _errors.Add($"{section.Path}: name '{name}' is not {Identifier.Form}");
                continue;
            }

            if (Metric.ReservedNames.Contains(name))
            {
                _errors.Add($"{section.Path}: the name '{name}' is reserved");
            }

            if (metrics.Any(m => m.Name == name))
            {
                _errors.Add($"{section.Path}: there are two metrics '{name}'");
                continue;
            }

            var (minimum, maximum) = (Number(section, "min"), Number(section, "max"));
            if (minimum >= maximum)
            {
                _errors.Add($"{section.Path}: min {minimum} is not below max {maximum}");
            }

            metrics.Add(new Metric(
                name,
                section["unit"] ?? known?.Unit ?? "",
                minimum,
                maximum,
                BindShape(section.GetSection("shape"), known?.Shape, minimum, maximum)));
        }

        return metrics;
    }

    private MetricShape BindShape(IConfigurationSection section, MetricShape? known, double? minimum, double? maximum)
    {
        var fallback = known ?? new MetricShape(minimum ?? 0, maximum ?? Math.Max(100, (minimum ?? 0) + 100), 0.3, 0.2, 0.2, 0.1);
        var shape = new MetricShape(
            Number(section, "low") ?? fallback.Low, Number(section, "high") ?? fallback.High,
            Number(section, "daily") ?? fallback.Daily, Number(section, "yearly") ?? fallback.Yearly,
            Number(section, "drift") ?? fallback.Drift, Number(section, "noise") ?? fallback.Noise);
        if (shape.Low >= shape.High || shape.Low < minimum || shape.High > maximum)
        {
            _errors.Add($"{section.Path}: low {shape.Low} to high {shape.High} is empty or outside min and max");
        }

        return shape;
    }

    /// <summary>A source must outlive what is built from it by two buckets, a chunk and the lag of a refresh.</summary>
    private void CheckRetention(TidemarkOptions options)
    {
        foreach (var aggregate in options.Schema.Aggregates)
        {
            var kept = aggregate.Source is null ? options.Retention : aggregate.Source.Retention;
            var needed = (2 * aggregate.Bucket.Approximate) + options.ChunkInterval + RefreshLag(options.Schedule.Refresh);
            if (kept < needed)
            {
                var source = aggregate.Source is null ? "retention" : $"retention of aggregate {aggregate.Source.Name}";
                _errors.Add($"{source}: {TypedText.Format(kept.Value)} is too short for aggregate {aggregate.Name}: two buckets, a chunk "
                    + $"and the refresh lag need {TypedText.Format(TimeSpan.FromHours(Math.Ceiling(needed.TotalHours)))}");
            }
        }
    }

    /// <summary>The longest gap between two of the next hundred runs; a day when nothing is scheduled.</summary>
    private static TimeSpan RefreshLag(string? cron)
    {
        if (cron is null || !CronExpression.TryParse(cron, out var expression))
        {
            return TimeSpan.FromDays(1);
        }

        var from = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var runs = expression.GetOccurrences(from, from.AddYears(5)).Take(100).ToList();
        return runs.Count < 2 ? TimeSpan.FromDays(366) : runs.Zip(runs.Skip(1), (a, b) => b - a).Max();
    }

    private void RefuseUnknownKeys(IConfiguration file)
    {
        foreach (var (key, _) in file.AsEnumerable(makePathsRelative: true))
        {
            var pattern = string.Join(':', key.Split(':').Select(part => int.TryParse(part, out var _) ? "#" : part.ToLowerInvariant()));
            if (!KnownKeys.Contains(pattern) && !pattern.StartsWith("aggregates:#:columns:", StringComparison.Ordinal))
            {
                _errors.Add($"{key}: there is no such setting");
            }
        }
    }

    private static readonly HashSet<string> KnownKeys =
    [
        "$schema", "store", "chunk_interval", "compress_after", "retention", "max_skew", "oldest_time", "time_unit", "max_sensors",
        "new_metrics", "max_metrics", "stale_after",
        "line_protocol", "line_protocol:sensor_ids", "line_protocol:bare_measurements",
        "real_time",
        "maintenance", "append_only", "keep_aggregates_as",
        "schedule", "schedule:refresh", "schedule:compress", "schedule:retain",
        "key", "server", "server:urls", "server:keys", "server:hosts", "server:cors", "server:trusted_proxies",
        "server:max_body", "server:max_line", "server:max_rows", "server:heavy_reads", "server:waiting_reads",
        "server:live_clients", "server:write_memory", "server:waiting_writes", "server:request_timeout",
        "server:drain", "server:stop_timeout", "server:idle_timeout", "server:headers_timeout", "server:min_rate",
        "mqtt", "mqtt:listen", "mqtt:certificate", "mqtt:certificate_key", "mqtt:max_message", "mqtt:max_connections", "mqtt:time_zone",
        "mqtt:presets",
        "mqtt:topics", "mqtt:topics:#", "mqtt:topics:#:topic", "mqtt:topics:#:format", "mqtt:topics:#:time_unit",
        "mqtt:topics:#:time_zone", "mqtt:topics:#:values", "mqtt:topics:#:time", "mqtt:topics:#:ignore", "mqtt:topics:#:retained",
        "mqtt:brokers", "mqtt:brokers:#", "mqtt:brokers:#:address", "mqtt:brokers:#:ca", "mqtt:brokers:#:user", "mqtt:brokers:#:password",
        "mqtt:brokers:#:password_file", "mqtt:brokers:#:client_id", "mqtt:brokers:#:persistent", "mqtt:brokers:#:qos",
        "mqtt:brokers:#:share",
        "alerts", "alerts:max_instances", "alerts:rules", "alerts:rules:#", .. AlertRuleBinder.Members.Select(m => $"alerts:rules:#:{m}"),
        "alerts:webhooks", "alerts:webhooks:#", "alerts:webhooks:#:name", "alerts:webhooks:#:url", "alerts:webhooks:#:secret",
        "alerts:webhooks:#:secret_file", "alerts:mqtt", "alerts:mqtt:topic", "alerts:mqtt:broker", "alerts:mqtt:retain",
        "metrics", "metrics:#", "metrics:#:name", "metrics:#:unit", "metrics:#:min", "metrics:#:max", "metrics:#:shape",
        "metrics:#:shape:low", "metrics:#:shape:high", "metrics:#:shape:daily", "metrics:#:shape:yearly", "metrics:#:shape:drift",
        "metrics:#:shape:noise",
        "aggregates", "aggregates:#", "aggregates:#:name", "aggregates:#:table", "aggregates:#:bucket", "aggregates:#:bucket_column",
        "aggregates:#:retention", "aggregates:#:columns",
    ];
}
