using System.CommandLine;
using System.Diagnostics;
using Tidemark.Configuration;

namespace Tidemark.Cli;

/// <summary><c>tidemark init</c>: creates the store or brings it up to the configured schema.</summary>
internal static class InitCommand
{
    // TimescaleDB begins jobs within a second or two of their time, and the first runs on an empty store take none.
    private static readonly TimeSpan FirstRuns = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var command = new Command("init", "Create the store, or upgrade it to the configured schema; safe to run again.");
        var keep = new Option<string?>("--keep-aggregates-as")
        {
            Description = "On a TimescaleDB database made by other scripts: keep an aggregate that raw readings no longer give as "
                + "NAME_SUFFIX instead of refusing.",
            HelpName = "SUFFIX",
        };
        command.Options.Add(keep);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var loaded = await StoreOptions.LoadForSetupAsync(
                arguments, cancellationToken, ("keep_aggregates_as", arguments.GetValue(keep)));
            var options = loaded.Options;
            await using var store = await StoreOpener.CreateAsync(loaded, cancellationToken);
            loaded.Note("changed");
            var aggregates = store.Schema.Aggregates.Select(a => a.Name).ToList();
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(new
                {
                    Store = options.Store.ToString(),
                    Metrics = store.Schema.Metrics.Select(m => m.Name),
                    Aggregates = aggregates,
                    Changes = loaded.Changes.Select(c => c.Change),
                });
            }
            else
            {
                Terminal.Line(
                    $"{options.Store} is ready: {store.Schema.Metrics.Count} metrics, aggregates {string.Join(", ", aggregates)}");
            }

            if (options.Store.Kind == StoreKind.Timescale)
            {
                await WarnOfJobsAsync(store, cancellationToken);
            }

            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>
    /// Jobs of the database that were made just now are due at once: this waits a moment for their first runs. Running one here would show
    /// nothing, since what hinders them may hinder the database's background workers alone.
    /// </summary>
    private static async Task WarnOfJobsAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        var jobs = await store.ReadJobsAsync(cancellationToken);
        while (jobs.Any(IsAwaited) && Stopwatch.GetElapsedTime(began) < FirstRuns)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250), cancellationToken);
            jobs = await store.ReadJobsAsync(cancellationToken);
        }

        const string Instead = "tidemark serve does their work once it is overdue; "
            + "docs/operations.md, \"When something is wrong\", says what helps";
        if (jobs.FirstOrDefault(j => j.State == JobState.Failed || j.Overdue) is { } bad)
        {
            Terminal.Note($"warning: of the database's jobs, '{bad.Name}' has {bad.LastOutcome}; {Instead}");
        }
        else if (jobs.Count > 0 && jobs.All(j => j.LastRun is null))
        {
            Terminal.Note($"warning: the database has begun none of its jobs in {FirstRuns.TotalSeconds} s; {Instead}");
        }
    }

    /// <summary>Whether its first run is still to come or under way.</summary>
    private static bool IsAwaited(JobStatus job) => job.State == JobState.Ok && (job.LastRun is null || job.NextRun is null);
}
