using System.CommandLine;

namespace Tidemark.Cli;

/// <summary><c>tidemark verify</c>: recomputes aggregates from raw readings; a difference is a failure.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string?> Aggregate = new("AGGREGATE")
    {
        Description = "Which one; all unless named.",
        Arity = ArgumentArity.ZeroOrOne
    };

    public static Command Create()
    {
        var command = new Command(
            "verify",
            "Recompute aggregates from raw readings and report every bucket that differs; exit 1 if one does.") { Aggregate };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
        var report = await Terminal.ProgressAsync(
            "verify",
            progress => store.VerifyAsync(arguments.GetValue(Aggregate), progress, cancellationToken));
        if (arguments.GetValue(GlobalOptions.Json))
        {
            Terminal.Json(report);
        }
        else
        {
            foreach (var difference in report.Differences)
            {
                Terminal.Line($"{difference.Aggregate} {difference.SensorId} {difference.Bucket}: {difference.Difference}");
            }

            Terminal.Line($"verify: {Readable.Count(report.BucketsChecked, "bucket")} checked, {Readable.Count(report.DifferenceCount)} "
                + $"differ, {Readable.Count(report.BucketsPending)} wait for a refresh");
        }

        return report.DifferenceCount == 0 ? ExitCode.Success : ExitCode.Failure;
    }
}
