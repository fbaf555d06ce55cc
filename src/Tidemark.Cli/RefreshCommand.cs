using System.CommandLine;

namespace Tidemark.Cli;

/// <summary><c>tidemark refresh</c>: materialises once what the server's schedule would; for cron, systemd and people.</summary>
internal static class RefreshCommand
{
    private static readonly Argument<string[]> Aggregates = new("AGGREGATE")
    {
        Description = "Which ones, with their sources; all unless named.",
        Arity = ArgumentArity.ZeroOrMore
    };
    private static readonly Option<Instant?> From = TypedOption.Time("--from", "Refresh invalid buckets from here on.");
    private static readonly Option<Instant?> To = TypedOption.Time("--to", "Refresh up to here, exclusive.");
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Print what would be done and do nothing." };

    public static Command Create()
    {
        var command = new Command("refresh", "Bring aggregates up to date: what is new or invalid and nothing else.") {
            Aggregates,
            From,
            To,
            DryRun };
        command.SetScheduledAction(RunAsync);
        return command;
    }

    /// <summary>Refreshes aggregates and everything they are built from, each once.</summary>
    /// <param name="store">The store.</param>
    /// <param name="names">Which ones; all when empty.</param>
    /// <param name="range">See <see cref="ITelemetryStore.RefreshAsync"/>.</param>
    /// <param name="done">Called with each result as it comes.</param>
    /// <param name="cancellationToken">Ends it between two transactions.</param>
    public static async Task<IReadOnlyList<RefreshResult>> RefreshAsync(
        ITelemetryStore store, IReadOnlyList<string> names, TimeRange? range, Action<RefreshResult> done,
        CancellationToken cancellationToken)
    {
        var results = new List<RefreshResult>();
        foreach (var target in Targets(store.Schema, names))
        {
            var refreshed = await Terminal.ProgressAsync(
                $"refresh {target}",
                progress => store.RefreshAsync(target.Name, range, progress, cancellationToken));
            foreach (var result in refreshed)
            {
                // A source that two aggregates share comes again, with nothing left to do.
                if (result.RowsWritten > 0 || results.All(r => r.Aggregate != result.Aggregate))
                {
                    results.Add(result);
                    done(result);
                }
            }
        }

        return results;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var (from, to) = (arguments.GetValue(From), arguments.GetValue(To));
        if (from >= to)
        {
            throw new UsageException($"--from {from} is not before --to {to}");
        }

        await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
        var names = arguments.GetValue(Aggregates) ?? [];
        var json = arguments.GetValue(GlobalOptions.Json);
        TimeRange? range = from is null && to is null ? null : new TimeRange(from ?? Instant.MinValue, to ?? Instant.MaxValue);
        if (arguments.GetValue(DryRun))
        {
            await PlanAsync(store, names, range, json, cancellationToken);
            return ExitCode.Success;
        }

        var results = await RefreshAsync(store, names, range, result => Print(result, json), cancellationToken);
        if (json)
        {
            Terminal.Json(
                results.Select(r => new { r.Aggregate, r.RowsWritten, r.Watermark, ElapsedMs = (long)r.Elapsed.TotalMilliseconds }));
        }

        return ExitCode.Success;
    }

    private static void Print(RefreshResult result, bool json)
    {
        if (!json)
        {
            Terminal.Line($"refresh {result.Aggregate}: {Readable.Count(result.RowsWritten, "row")} in "
                + $"{Readable.Elapsed(result.Elapsed)}, watermark {Readable.Time(result.Watermark)}");
        }
    }

    private static async Task PlanAsync(
        ITelemetryStore store,
        string[] names,
        TimeRange? range,
        bool json,
        CancellationToken cancellationToken)
    {
        var plans = new Dictionary<string, RefreshPlan>();
        foreach (var target in Targets(store.Schema, names))
        {
            foreach (var plan in await store.PlanRefreshAsync(target.Name, range, cancellationToken))
            {
                plans[plan.Aggregate] = plan;
            }
        }

        if (json)
        {
            Terminal.Json(plans.Values);
            return;
        }

        foreach (var plan in plans.Values)
        {
            Terminal.Line($"would refresh {plan.Aggregate}: {(plan.New is { } closed ? $"new {closed}" : "nothing new")}, "
                + $"{Readable.Count(plan.InvalidBuckets, "invalid bucket")}");
        }
    }

    /// <summary>The named aggregates without those that another named one is built from: a refresh includes its sources.</summary>
    private static List<AggregateDefinition> Targets(TelemetrySchema schema, IReadOnlyList<string> names)
    {
        var named = names.Count == 0 ? schema.Aggregates : [.. names.Distinct().Select(schema.Aggregate)];
        return [.. named.Where(a => !named.Any(other => IsBuiltFrom(other, a)))];
    }

    private static bool IsBuiltFrom(AggregateDefinition aggregate, AggregateDefinition source)
        => aggregate.Source is { } direct && (direct == source || IsBuiltFrom(direct, source));
}
