using System.CommandLine;

namespace Tidemark.Cli;

internal static class StatusCommand
{
    public static Command Create()
    {
        var command = new Command("status", "Show what the store holds: hypertable, chunks, aggregates, sizes and jobs.");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var store = await StoreOpener.OpenAsync(GlobalOptions.Load(arguments), cancellationToken);
            Terminal.Json(await store.ReadStatusAsync(cancellationToken));
            return ExitCode.Success;
        });
        return command;
    }
}
