using System.CommandLine;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;

namespace Tidemark.Cli;

internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int Cancelled = 130;
}

/// <summary>A command can't do what was asked: the message is one line that says why and what to do.</summary>
internal sealed class CommandFailedException(string message) : Exception(message);

/// <summary>Options that are right one by one and wrong together: the message is one line, without the hint at the help.</summary>
internal sealed class UsageException(string message) : Exception(message);

internal static class Failure
{
    /// <summary>One line for people, whatever went wrong.</summary>
    public static string Describe(Exception e) => OneLine(e switch
    {
        OptionsException options => string.Join("; ", options.Errors),
        CommandFailedException or StoreException or AddressException or KeyException or IOException or UnauthorizedAccessException => e
            .Message,
        _ => $"unexpected {e.GetType().Name}: {e.Message}",
    });

    /// <summary>The command with those above it, as it is typed.</summary>
    public static string FullName(this Command command)
        => string.Join(' ', command.Parents.OfType<Command>().Select(FullName).Append(command.Name));

    private static string OneLine(string text)
        => string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
