using System.CommandLine;
using Tidemark.Configuration;

namespace Tidemark.Cli;

/// <summary>The options that every command takes.</summary>
internal static class GlobalOptions
{
    public static readonly Option<string?> Store = new("--store")
    {
        Description = $"The store: {StoreUri.Form}. Else TIDEMARK_STORE, the configuration file, {StoreUri.Default}.",
        HelpName = "URI",
        Recursive = true,
    };

    public static readonly Option<string?> Config = new("--config")
    {
        Description = $"The configuration file. Else {OptionsLoader.FileName} in the working directory, if it is there.",
        HelpName = "FILE",
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Print the result as JSON on standard output.",
        Recursive = true,
    };

    public static void AddTo(RootCommand root)
    {
        Store.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && !StoreUri.TryParse(text, out _))
            {
                result.AddError($"--store '{text}' is not {StoreUri.Form}");
            }
        });
        root.Add(Store);
        root.Add(Config);
        root.Add(Json);
    }

    /// <param name="arguments">The parsed command line.</param>
    /// <param name="stored">The store's own settings, see <see cref="StoreOptions"/>; null for a command without a store.</param>
    /// <param name="overrides">Further settings of the command line, such as <c>server:urls</c>; null values are left out.</param>
    /// <exception cref="OptionsException">With every error found.</exception>
    public static TidemarkOptions Load(ParseResult arguments, string? stored = null, params (string Key, string? Value)[] overrides)
        => OptionsLoader.Load(
            arguments.GetValue(Config),
            overrides.Append(("store", arguments.GetValue(Store))).Select(o => KeyValuePair.Create(o.Item1, o.Item2)),
            stored);
}
