using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Tidemark.Alerts;

namespace Tidemark.Configuration;

/// <summary>Makes rules of settings, which have the same names in <c>tidemark.json</c> and in the API.</summary>
/// <param name="receivers">The names that a rule may notify; null for any.</param>
/// <param name="errors">Gets everything that is wrong.</param>
public sealed class AlertRuleBinder(IReadOnlyList<string>? receivers, List<string> errors)
{
    /// <summary>The members of a rule.</summary>
    public static readonly IReadOnlyList<string> Members =
    [
        "name", "sensors", "except", "metric", "above", "below", "rate_above", "rate_below", "silent", "clear", "per", "over", "for",
        "keep_firing_for", "severity", "summary", "notify",
    ];

    private const int LongestSummary = 500;

    private static readonly (string Member, AlertCondition Condition)[] Conditions =
    [
        ("above", AlertCondition.Above), ("below", AlertCondition.Below), ("rate_above", AlertCondition.RateAbove),
        ("rate_below", AlertCondition.RateBelow), ("silent", AlertCondition.Silent),
    ];

    private string _path = "";

    /// <summary>Reads one rule of JSON, an object.</summary>
    /// <returns>Null when anything is wrong with it.</returns>
    public AlertRule? Read(string json)
    {
        IConfigurationRoot configuration;
        try
        {
            configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidDataException or InvalidOperationException)
        {
            errors.Add($"the rule is not a JSON object: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}");
            return null;
        }

        errors.AddRange(configuration.AsEnumerable().Where(setting => !Members.Contains(setting.Key.ToLowerInvariant()))
            .Select(setting => $"{setting.Key}: there is no such member of a rule; there are {string.Join(", ", Members)}"));
        return errors.Count == 0 ? Bind(configuration, "") : null;
    }

    /// <returns>Null when anything is wrong with it.</returns>
    /// <param name="section">Has the members.</param>
    /// <param name="path">Of the section; empty where it is the whole.</param>
    public AlertRule? Bind(IConfiguration section, string path)
    {
        var before = errors.Count;
        _path = path.Length == 0 ? "" : $"{path}:";
        var name = section["name"] ?? "";
        if (!Identifier.IsValid(name))
        {
            Refuse("name", $"'{name}' is not {Identifier.Form}");
        }

        var (member, condition) = BindCondition(section);
        var threshold = condition == AlertCondition.Silent ? 0 : Number(section, member) ?? 0;
        var rule = new AlertRule
        {
            Name = name,
            Sensors = Sensors(section, "sensors") ?? SensorSelection.All,
            Except = Sensors(section, "except"),
            Condition = condition,
            Metric = BindMetric(section, condition),
            Threshold = threshold,
            Clear = Number(section, "clear") ?? threshold,
            Per = Duration(section, "per"),
            Over = Duration(section, "over"),
            Silent = Duration(section, "silent"),
            For = Duration(section, "for"),
            KeepFiringFor = Duration(section, "keep_firing_for"),
            Severity = BindSeverity(section),
            Summary = BindSummary(section),
            Notify = BindNotify(section),
        };
        Check(section, rule);
        return errors.Count == before ? rule : null;
    }

    private (string Member, AlertCondition Condition) BindCondition(IConfiguration section)
    {
        var said = Conditions.Where(c => section[c.Member] is not null).ToList();
        if (said.Count == 1)
        {
            return said[0];
        }

        errors.Add(_path + (said.Count == 0 ? "a rule needs a condition: " : "a rule has one condition: ")
            + $"one of {string.Join(", ", Conditions.Select(c => c.Member))}");
        return Conditions[0];
    }

    private string? BindMetric(IConfiguration section, AlertCondition condition)
    {
        var metric = section["metric"];
        if (condition == AlertCondition.Silent)
        {
            if (metric is not null)
            {
                Refuse("metric", "readings of any metric end silence: leave it out");
            }

            return null;
        }

        if (Metric.CheckName(metric ?? "") is { } error)
        {
            Refuse("metric", error);
        }

        return metric;
    }

    private void Check(IConfiguration section, AlertRule rule)
    {
        if (rule.IsRate && rule.Per == TimeSpan.Zero && section["per"] is null)
        {
            Refuse("per", "a rate needs the time that it is counted in, such as 1h");
        }

        string[] foreign = rule.Condition == AlertCondition.Silent ? ["per", "over", "for", "clear"] : rule.IsRate ? [] : ["per", "over"];
        foreach (var member in foreign.Where(m => section[m] is not null))
        {
            Refuse(member, rule.Condition == AlertCondition.Silent
                ? "silent says the time already: leave it out"
                : "it is for rate_above and rate_below: leave it out");
        }

        var above = rule.Condition is AlertCondition.Above or AlertCondition.RateAbove;
        if (rule.Condition != AlertCondition.Silent && (above ? rule.Clear > rule.Threshold : rule.Clear < rule.Threshold))
        {
            Refuse("clear", string.Create(
                CultureInfo.InvariantCulture,
                $"{rule.Clear} is {(above ? "above" : "below")} the threshold {rule.Threshold}: the alert would never be over"));
        }
    }

    private AlertSeverity BindSeverity(IConfiguration section)
    {
        var text = section["severity"];
        if (text is null)
        {
            return AlertSeverity.Warning;
        }

        if (!Enum.TryParse<AlertSeverity>(text, ignoreCase: true, out var severity) || !char.IsAsciiLetter(text[0]))
        {
            Refuse("severity", $"'{text}' is not info, warning or critical");
        }

        return severity;
    }

    private string BindSummary(IConfiguration section)
    {
        var text = section["summary"] ?? "";
        if (text.Length > LongestSummary || text.Any(char.IsControl))
        {
            Refuse("summary", $"it is longer than {LongestSummary} characters, or has control characters");
        }

        return text;
    }

    private List<string>? BindNotify(IConfiguration section)
    {
        if (section["notify"] is not { } text)
        {
            return null;
        }

        var names = text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Distinct().Where(n => n != "none").ToList();
        foreach (var unknown in names.Except(receivers ?? names))
        {
            Refuse("notify", $"there is no receiver '{unknown}'; there are {string.Join(", ", [.. receivers!, "none"])}");
        }

        return names;
    }

    private SensorSelection? Sensors(IConfiguration section, string member)
    {
        if (section[member] is not { } text)
        {
            return null;
        }

        if (!SensorSelection.TryParse(text, out var selection, out var error))
        {
            Refuse(member, error);
        }

        return selection;
    }

    private TimeSpan Duration(IConfiguration section, string member)
    {
        var duration = TimeSpan.Zero;
        if (section[member] is { } text && !TypedText.TryParseDuration(text, out duration))
        {
            Refuse(member, $"'{text}' is not {TypedText.DurationForm}");
        }

        return duration;
    }

    private double? Number(IConfiguration section, string member)
    {
        if (section[member] is not { } text)
        {
            return null;
        }

        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || !double.IsFinite(value))
        {
            Refuse(member, $"'{text}' is not a number");
            return null;
        }

        return value;
    }

    private void Refuse(string member, string error) => errors.Add($"{_path}{member}: {error}");
}
