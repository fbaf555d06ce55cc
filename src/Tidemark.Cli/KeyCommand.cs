using System.CommandLine;
using Tidemark.Server.Keys;

namespace Tidemark.Cli;

/// <summary>
/// <c>tidemark key add|list|revoke</c>: the API keys of a server, in the file that <c>server:keys</c> names. A running server heeds each
/// change at once.
/// </summary>
internal static class KeyCommand
{
    private const int MaxName = 100;

    public static Command Create() => new("key", "Make, list and revoke the API keys of a server.") { Add(), List(), Revoke() };

    private static Command Add()
    {
        var name = new Argument<string>("NAME") { Description = "Whose key it is, or what for." };
        var scopes = new Option<string[]>("--scope")
        {
            Description = $"What it may do: {string.Join(", ", Scope.All)}; several allowed. Default {Scope.Read}.",
            HelpName = "SCOPE",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [Scope.Read],
        };
        scopes.AcceptOnlyFromAmong([.. Scope.All]);
        name.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is not { Length: > 0 and <= MaxName } text || text.Any(char.IsControl)
                || text.Trim() != text)
            {
                result.AddError($"NAME is 1 to {MaxName} characters without control characters or spaces at its ends");
            }
        });
        var command = new Command("add", "Make a key and print it: it is kept nowhere and can't be shown again.") { name, scopes };
        command.SetAction(arguments =>
        {
            var granted = arguments.GetValue(scopes)!.Distinct().ToArray();
            var key = File(arguments).Add(arguments.GetRequiredValue(name), granted, Instant.From(DateTimeOffset.UtcNow));
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(new { Name = arguments.GetRequiredValue(name), Scopes = granted, Key = key });
            }
            else
            {
                Terminal.Line(key);
            }
        });
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "List the keys, without what opens anything.");
        command.SetAction(arguments =>
        {
            var keys = File(arguments).Keys;
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(keys.Select(k => new { k.Id, k.Name, k.Scopes, k.Created }));
            }
            else if (keys.Count == 0)
            {
                Terminal.Line("there are no keys: tidemark key add makes one");
            }
            else
            {
                Terminal.Table(
                    ["Id", "Name", "Scopes", "Created"],
                    keys.Select(k => (string[])[k.Id, k.Name, string.Join(", ", k.Scopes), Readable.Moment(k.Created)]));
            }
        });
        return command;
    }

    private static Command Revoke()
    {
        var key = new Argument<string>("KEY") { Description = "The id or the name of the key." };
        var command = new Command("revoke", "Revoke a key: with the next request it opens nothing any more.") { key };
        command.SetAction(arguments =>
        {
            var revoked = File(arguments).Revoke(arguments.GetRequiredValue(key));
            Terminal.Line($"revoked {revoked.Id}, {revoked.Name}");
        });
        return command;
    }

    private static KeyFile File(ParseResult arguments) => new(GlobalOptions.Load(arguments).Server.Keys);
}
