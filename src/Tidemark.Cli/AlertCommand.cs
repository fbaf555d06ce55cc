using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Tidemark.Alerts;
using Tidemark.Configuration;
using Tidemark.Server.Alerts;

namespace Tidemark.Cli;

/// <summary>
/// <c>tidemark alert list|rules|add|remove</c>: what is pending or firing, and the rules that are kept with the store. A server evaluates
/// them.
/// </summary>
internal static class AlertCommand
{
    private static readonly (string Member, string Value, string Description)[] Members =
    [
        ("sensors", "SENSORS", "Whose readings: ids and beginnings such as hall-*, with commas. Default all."),
        ("except", "SENSORS", "Sensors that are left out."),
        ("metric", "METRIC", "What is looked at; for all conditions but --silent."),
        ("above", "NUMBER", "Condition: the value is greater."),
        ("below", "NUMBER", "Condition: the value is less."),
        ("rate_above", "NUMBER", "Condition: the value changes by more in the time of --per."),
        ("rate_below", "NUMBER", "Condition: the value changes by less, such as -5 for a fall of more than 5."),
        ("silent", "DURATION", "Condition: the last reading is older, such as 15min."),
        ("clear", "NUMBER", "A firing alert is over once the value is here or beyond. Default the condition's."),
        ("per", "DURATION", "The time that a rate is counted in, such as 1h."),
        ("over", "DURATION", "The least time between the two readings of a rate. Default each reading and the one before."),
        ("for", "DURATION", "How long the condition has to hold before it fires. Default at once."),
        ("keep_firing_for", "DURATION", "How long it has to be over before the alert is resolved. Default at once."),
        ("severity", "SEVERITY", "info, warning or critical. Default warning."),
        ("summary", "TEXT", "For people."),
        ("notify", "RECEIVERS", "Who is told, with semicolons; none for nobody. Default all that are configured."),
    ];

    public static Command Create()
        => new("alert", "List alerts; list, add and take away their rules.") { List(), Rules(), Add(), Remove() };

    private static Command List()
    {
        var command = new Command("list", "List the alerts that are firing or pending.");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            var alerts = new List<ActiveAlert>();
            await foreach (var alert in AlertDocuments.ReadAlertsAsync(store, cancellationToken))
            {
                alerts.Add(alert);
            }

            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(alerts);
            }
            else if (alerts.Count == 0)
            {
                Terminal.Line("no alert is firing or pending");
            }
            else
            {
                Show(alerts);
            }

            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>As a server kept them with the store.</summary>
    public static async Task<IReadOnlyList<ActiveAlert>> ReadFiringAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var firing = new List<ActiveAlert>();
        await foreach (var alert in AlertDocuments.ReadAlertsAsync(store, cancellationToken))
        {
            if (alert.State == AlertState.Firing)
            {
                firing.Add(alert);
            }
        }

        return firing;
    }

    /// <summary>A table of alerts.</summary>
    public static void Show(IEnumerable<ActiveAlert> alerts) => Terminal.Table(
        ["Alert", "Sensor", "State", "Severity", "Condition", "Value", "Active since", "Fired"],
        alerts.Select(a => (string[])[
            a.Rule, a.SensorId, a.State.ToString().ToLowerInvariant(), a.Severity.ToString().ToLowerInvariant(), a.Expression,
            a.Value?.ToString("0.####", CultureInfo.InvariantCulture) ?? "", Readable.Moment(a.ActiveSince), Readable.Moment(a.FiredAt)]));

    private static Command Rules()
    {
        var command = new Command("rules", "List the rules: those of the configuration, then those that are kept with the store.");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var options = GlobalOptions.Load(arguments).Alerts;
            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            var rules = await AlertDocuments.ReadAllRulesAsync(options, store, cancellationToken);
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(rules.Select(OptionsWriter.Rule));
            }
            else if (rules.Count == 0)
            {
                Terminal.Line("there are no rules: tidemark alert add makes one");
            }
            else
            {
                Terminal.Table(
                    ["Rule", "Sensors", "Condition", "Severity", "Notify", "Kept"],
                    rules.Select(r => (string[])[
                        r.Name, r.Except is null ? $"{r.Sensors}" : $"{r.Sensors} except {r.Except}", r.Expression,
                        r.Severity.ToString().ToLowerInvariant(), r.Notify is null ? "all" : string.Join(", ", r.Notify),
                        options.Rules.Contains(r) ? "configuration" : "store"]));
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static Command Add()
    {
        var name = new Argument<string>("NAME") { Description = "Names the rule; one of that name with the store is replaced." };
        var members = Members.ToDictionary(m => m.Member, m => new Option<string?>($"--{m.Member.Replace('_', '-')}")
        {
            Description = m.Description,
            HelpName = m.Value,
        });
        var command = new Command("add", "Keep a rule with the store. A running server evaluates it within ten seconds.") { name };
        foreach (var option in members.Values)
        {
            command.Add(option);
        }

        command.SetAction(async (arguments, cancellationToken) =>
        {
            var options = GlobalOptions.Load(arguments).Alerts;
            var json = new JsonObject { ["name"] = arguments.GetRequiredValue(name) };
            foreach (var (member, option) in members.Where(m => arguments.GetValue(m.Value) is not null))
            {
                json[member] = arguments.GetValue(option);
            }

            // Where the server has another configuration than this machine, its receivers are not known here.
            var errors = new List<string>();
            var rule = new AlertRuleBinder(options.Receivers.Count == 0 ? null : options.Receivers, errors).Read(json.ToJsonString());
            if (rule is null)
            {
                throw new UsageException(string.Join("; ", errors));
            }

            if (options.Rules.Any(r => r.Name == rule.Name))
            {
                throw new CommandFailedException($"the rule '{rule.Name}' is configured: change it there");
            }

            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            await AlertDocuments.WriteRuleAsync(store, rule, cancellationToken);
            Terminal.Line($"{rule.Name}: {rule.Expression}");
            return ExitCode.Success;
        });
        return command;
    }

    private static Command Remove()
    {
        var name = new Argument<string>("NAME") { Description = "A rule that is kept with the store." };
        var command = new Command("remove", "Take a rule away: its firing alerts are resolved.") { name };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            if (!await AlertDocuments.RemoveRuleAsync(store, arguments.GetRequiredValue(name), cancellationToken))
            {
                throw new CommandFailedException(
                    $"there is no rule '{arguments.GetRequiredValue(name)}' with the store: tidemark alert rules shows them");
            }

            Terminal.Line($"{arguments.GetRequiredValue(name)} is taken away");
            return ExitCode.Success;
        });
        return command;
    }
}
