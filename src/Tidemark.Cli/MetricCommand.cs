using System.CommandLine;

namespace Tidemark.Cli;

/// <summary><c>tidemark metric list|add|remove</c>: what the store measures.</summary>
internal static class MetricCommand
{
    public static Command Create() => new("metric", "List, add and take away the metrics of the store.") { List(), Add(), Remove() };

    private static Command List()
    {
        var command = new Command("list", "List the metrics: the configured ones, then those that came with readings.");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            var metrics = await store.ListMetricsAsync(cancellationToken);
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(metrics.Select(
                    m => new { m.Metric.Name, m.Metric.Unit, Configured = m.Metric.IsConfigured, m.FirstSeen, m.Sensors }));
            }
            else
            {
                Terminal.Table(
                    ["Metric", "Unit", "Configured", "First seen", "Sensors"],
                    metrics.Select(m => (string[])[
                        m.Metric.Name,
                        m.Metric.Unit,
                        m.Metric.IsConfigured ? "yes" : "no",
                        m.FirstSeen is { } seen ? Readable.Moment(seen) : "",
                        Readable.Count(m.Sensors)]));
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static Command Add()
    {
        var names = new Argument<string[]>("NAME")
        {
            Description = "As it is to stand in readings and answers.",
            Arity = ArgumentArity.OneOrMore,
        };
        names.Validators.Add(result =>
        {
            if (result.Tokens.Select(t => Metric.CheckName(t.Value)).FirstOrDefault(error => error is not null) is { } error)
            {
                result.AddError(error);
            }
        });
        var command = new Command("add", "Add metrics before a reading brings them: for stores with new_metrics: refuse.") { names };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            await store.AddMetricsAsync(arguments.GetRequiredValue(names), cancellationToken);
            Terminal.Line($"the store has {Readable.Count(store.Schema.Metrics.Count, "metric")}");
            return ExitCode.Success;
        });
        return command;
    }

    private static Command Remove()
    {
        var name = new Argument<string>("NAME") { Description = "A metric that nobody configured." };
        var again = new Option<string?>("--again")
        {
            Description = "The name once more. Else it is asked for, on a terminal.",
            HelpName = "NAME",
        };
        var command = new Command("remove", "Take a metric away with all its values: readings and aggregates lose them.") { name, again };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var metric = arguments.GetRequiredValue(name);
            var second = arguments.GetValue(again)
                ?? Terminal.Ask($"All values of {metric} go, of all sensors and all times. Its name once more")
                ?? throw new UsageException($"all values of {metric} would go: say its name twice, with --again {metric}");
            if (second != metric)
            {
                throw new UsageException($"'{second}' is not '{metric}': nothing was taken away");
            }

            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            await store.RemoveMetricAsync(metric, cancellationToken);
            Terminal.Line($"{metric} is taken away; the store has {Readable.Count(store.Schema.Metrics.Count, "metric")}");
            return ExitCode.Success;
        });
        return command;
    }
}
