using System.CommandLine;
using Tidemark.Configuration;

namespace Tidemark.Cli;

/// <summary>
/// The options of a command on a store: what is said neither in a file nor by a variable nor by an option is as the store has it.
/// </summary>
/// <param name="Options">What holds.</param>
/// <param name="Changes">What of it is not as the store has it, each with the name of its setting.</param>
/// <param name="Stored">The store's own settings, of which they are made; null when it had none.</param>
/// <param name="Server">The server that has the store open.</param>
internal sealed record StoreOptions(
    TidemarkOptions Options, IReadOnlyList<(string Setting, string Change)> Changes, string? Stored, string? Server)
{
    /// <summary>For a command that uses the store as it is.</summary>
    /// <exception cref="CommandFailedException">What is said would change the store's settings.</exception>
    public static async Task<StoreOptions> LoadAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var loaded = await CompareAsync(arguments, cancellationToken);
        return loaded.Changes.Count == 0 ? loaded : throw loaded.Refusal(arguments);
    }

    /// <summary>For a command that sets the store up: what is said holds from then on.</summary>
    /// <exception cref="CommandFailedException">It would change something, and a server has the store open.</exception>
    public static async Task<StoreOptions> LoadForSetupAsync(
        ParseResult arguments, CancellationToken cancellationToken, params (string Key, string? Value)[] overrides)
    {
        var loaded = await CompareAsync(arguments, cancellationToken, overrides);
        return loaded.Changes.Count == 0 || loaded.Server is null ? loaded : throw loaded.Refusal(arguments);
    }

    public static async Task<StoreOptions> CompareAsync(
        ParseResult arguments, CancellationToken cancellationToken, params (string Key, string? Value)[] overrides)
    {
        var said = GlobalOptions.Load(arguments, null, overrides);
        var (stored, server) = await StoreOpener.ReadSettingsAsync(said, cancellationToken);
        if (stored is null)
        {
            return new StoreOptions(said, [], null, server);
        }

        var options = GlobalOptions.Load(arguments, stored, overrides);
        return new StoreOptions(options, StoredConfiguration.Compare(stored, options), stored, server);
    }

    /// <summary>Tells, beside the result, what the command has changed or would.</summary>
    public void Note(string verb)
    {
        foreach (var (_, change) in Changes)
        {
            Terminal.Note($"{verb}: {change}");
        }
    }

    private CommandFailedException Refusal(ParseResult arguments)
    {
        var remedy = Server is null
            ? "run 'tidemark init' to change them, or leave that out: the store knows its own settings"
            : $"the server on {Server} has the store open: start it anew to change them, or leave that out";
        var changes = string.Join(", ", Changes.Select(c => c.Change));
        return new CommandFailedException($"{Origin(arguments)} would change the settings of {Options.Store}: {changes}: {remedy}");
    }

    /// <summary>The variables that say what differs, and the file when it isn't all theirs.</summary>
    private string Origin(ParseResult arguments)
    {
        var settings = Changes.Select(c => c.Setting).ToHashSet();
        var variables = Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .Where(name => settings.Any(setting => Says(name, setting)))
            .Order(StringComparer.Ordinal).ToList();
        var isAll = settings.All(setting => variables.Any(name => Says(name, setting)));
        var file = arguments.GetValue(GlobalOptions.Config) ?? OptionsLoader.FileName;
        return string.Join(", ", isAll ? variables : variables.Prepend(file));
    }

    private static bool Says(string variable, string setting)
        => $"{variable}__".StartsWith($"TIDEMARK_{setting}__", StringComparison.OrdinalIgnoreCase);
}
