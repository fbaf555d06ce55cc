using System.CommandLine;
using Tidemark.Configuration;

namespace Tidemark.Cli;

/// <summary><c>tidemark check</c>: the effective configuration, or every error in it.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var command = new Command("check", "Print the effective configuration as JSON, or every error in it.");
        command.SetAction(arguments =>
        {
            try
            {
                Terminal.Line(OptionsWriter.ToJson(GlobalOptions.Load(arguments)));
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
}
