using System.CommandLine;
using Cronos;
using Tidemark.Server.Hosting;

namespace Tidemark.Cli;

/// <summary><c>--schedule</c>: a command that runs again and again, for containers, which have no cron.</summary>
internal static class Schedule
{
    public static readonly Option<CronExpression?> Option = new("--schedule")
    {
        Description = "Run at every time of this cron expression (five fields, UTC) until Ctrl+C. A run that fails is reported and the "
            + "next one comes as planned.",
        HelpName = "CRON",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!CronExpression.TryParse(text, out var cron))
            {
                result.AddError($"--schedule '{text}' is not a cron expression of five fields, such as '0 * * * *' for every hour");
            }

            return cron;
        },
    };

    /// <summary>Gives a command the option, and an action that runs once without it.</summary>
    public static void SetScheduledAction(this Command command, Func<ParseResult, CancellationToken, Task<int>> run)
    {
        command.Add(Option);
        command.SetAction((arguments, cancellationToken) => arguments.GetValue(Option) is { } cron
            ? RepeatAsync(cron, token => run(arguments, token), TimeProvider.System, cancellationToken)
            : run(arguments, cancellationToken));
    }

    /// <summary>Runs at each time of the expression until cancelled, which is how it ends: no failure.</summary>
    /// <param name="cron">In UTC. Times that pass during a run are not made up for; a clock that is stepped either way is followed.</param>
    /// <param name="run">One run. What it throws is reported in one line.</param>
    /// <param name="clock">Tells the time.</param>
    /// <param name="cancellationToken">Ends the waiting or the run.</param>
    public static async Task<int> RepeatAsync(
        CronExpression cron,
        Func<CancellationToken, Task> run,
        TimeProvider clock,
        CancellationToken cancellationToken)
    {
        try
        {
            while (cron.GetNextOccurrence(clock.GetUtcNow().UtcDateTime) is { } next)
            {
                while (next > clock.GetUtcNow())
                {
                    await ClockWait.UntilAsync(Instant.From(next), clock, cancellationToken);
                    if (cron.GetNextOccurrence(clock.GetUtcNow().UtcDateTime) is { } earlier && earlier < next)
                    {
                        next = earlier;
                    }
                }

                await ReportAsync(run, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Success;
        }

        throw new CommandFailedException($"--schedule '{cron}' never comes true again");
    }

    private static async Task ReportAsync(Func<CancellationToken, Task> run, CancellationToken cancellationToken)
    {
        try
        {
            await run(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Terminal.Error(Failure.Describe(e));
        }
    }
}
