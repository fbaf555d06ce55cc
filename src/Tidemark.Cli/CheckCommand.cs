using System.CommandLine;
using Tidemark.Configuration;

namespace Tidemark.Cli;

/// <summary><c>tidemark check</c>: the effective configuration, or every error in it.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var command = new Command("check", "Print the effective configuration as JSON, or every error in it.");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            try
            {
                Terminal.Line(OptionsWriter.ToJson(await LoadAsync(arguments, cancellationToken)));
                return ExitCode.Success;
            }
            catch (OptionsException e)
            {
                foreach (var error in e.Errors)
                {
                    Terminal.Error(error);
                }

                return ExitCode.Failure;
            }
        });
        return command;
    }

    /// <summary>With what the store itself has, if it can be asked.</summary>
    private static async Task<TidemarkOptions> LoadAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        try
        {
            var loaded = await StoreOptions.CompareAsync(arguments, cancellationToken);
            loaded.Note("not applied yet");
            return loaded.Options;
        }
        catch (StoreException e)
        {
            Terminal.Note($"without the store's own settings: {e.Message}");
            return GlobalOptions.Load(arguments);
        }
    }
}
