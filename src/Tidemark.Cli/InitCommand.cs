using System.CommandLine;

namespace Tidemark.Cli;

/// <summary><c>tidemark init</c>: creates the store or brings it up to the configured schema.</summary>
internal static class InitCommand
{
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
            var options = GlobalOptions.Load(arguments, ("keep_aggregates_as", arguments.GetValue(keep)));
            await using var store = await StoreOpener.CreateAsync(options, cancellationToken);
            var aggregates = store.Schema.Aggregates.Select(a => a.Name).ToList();
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(
                    new { Store = options.Store.ToString(), Metrics = store.Schema.Metrics.Select(m => m.Name), Aggregates = aggregates });
            }
            else
            {
                Terminal.Line(
                    $"{options.Store} is ready: {store.Schema.Metrics.Count} metrics, aggregates {string.Join(", ", aggregates)}");
            }

            return ExitCode.Success;
        });
        return command;
    }
}
