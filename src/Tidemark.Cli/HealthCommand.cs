using System.CommandLine;
using System.Text.Json;
using Tidemark.Cli.Client;

namespace Tidemark.Cli;

/// <summary><c>tidemark health</c>: whether a server and its store answer, for health checks where there is no curl.</summary>
internal static class HealthCommand
{
    public static Command Create()
    {
        var command = new Command("health", "Ask a running server whether it and its store answer.") {
            ClientCommand.Host,
            ClientCommand.Port };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        using var client = new ApiClient(arguments.GetRequiredValue(ClientCommand.Host), arguments.GetValue(ClientCommand.Port), key: null);
        var answer = await client.GetAsync("/api/health", cancellationToken);
        if (!answer.IsSuccess)
        {
            throw new CommandFailedException($"{client.Server} is unhealthy: {answer.Error}");
        }

        if (arguments.GetValue(GlobalOptions.Json))
        {
            Terminal.Json(answer.Body);
        }
        else
        {
            Terminal.Line($"{client.Server} is healthy{Late(answer.Body)}");
        }

        return ExitCode.Success;
    }

    /// <summary>A server that does its maintenance late answers all the same.</summary>
    private static string Late(JsonElement answer)
        => answer.TryGetProperty("maintenance", out var maintenance)
            && maintenance.GetProperty("problems").EnumerateArray().Select(p => p.GetString()).ToList() is { Count: > 0 } problems
            ? $"; its maintenance is late: {string.Join(", ", problems)} (tidemark status says why)"
            : "";
}
