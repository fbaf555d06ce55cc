using System.CommandLine;
using System.CommandLine.Invocation;
using System.Runtime.InteropServices;
using Tidemark.Cli;
using Tidemark.Cli.Client;
using Tidemark.Cli.Export;
using Tidemark.Cli.Import;
using Tidemark.Cli.Query;

// Exit codes: 0 success, 1 failure, 2 wrong usage, 130 cancelled by Ctrl+C or SIGTERM.
var root = new RootCommand("Tidemark, a telemetry store for IoT: writes readings, keeps continuous aggregates, answers over REST.")
{
    InitCommand.Create(),
    GenerateCommand.Create(),
    ImportCommand.Create(),
    RefreshCommand.Create(),
    ServeCommand.Create(),
    ClientCommand.Create(),
    ExportCommand.Create(),
    QueryCommand.Create(),
    StatusCommand.Create(),
    HealthCommand.Create(),
    MaintainCommand.Create(),
    VerifyCommand.Create(),
    CheckCommand.Create(),
    DemoCommand.Create(),
    KeyCommand.Create(),
    MetricCommand.Create(),
    AlertCommand.Create(),
};
GlobalOptions.AddTo(root);
root.SetAction(_ =>
{
    root.Parse("--help").Invoke();
    return ExitCode.Usage;
});

using var cancellation = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);

var parsed = root.Parse(args);
if (parsed.Action is ParseErrorAction)
{
    return Misused(parsed.Errors[0].Message.TrimEnd('.'));
}

try
{
    // Signals and failures are this file's; the library's own handlers would print stack traces.
    return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, cancellation.Token);
}
catch (UsageException e)
{
    return Misused(e.Message);
}
catch (Exception e) when (cancellation.IsCancellationRequested)
{
    Terminal.Error(e is OperationCanceledException ? "cancelled" : $"cancelled: {Failure.Describe(e)}");
    return ExitCode.Cancelled;
}
catch (Exception e)
{
    Terminal.Error(Failure.Describe(e));
    return ExitCode.Failure;
}

int Misused(string message)
{
    Terminal.Error($"{message}; see {parsed.CommandResult.Command.FullName()} --help");
    return ExitCode.Usage;
}

// The first signal asks the command to end; a second one ends the process.
void Cancel(PosixSignalContext signal)
{
    signal.Cancel = !cancellation.IsCancellationRequested;
    cancellation.Cancel();
}
