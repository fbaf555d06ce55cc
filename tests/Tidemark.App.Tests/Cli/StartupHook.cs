using System.Diagnostics.CodeAnalysis;
using Tidemark.App.Tests.Cli;

/// <summary>What the runtime calls in a process of <see cref="CommandHost"/> before the program itself.</summary>
[SuppressMessage("Design", "CA1050:Declare types in namespaces", Justification = "The runtime looks for this name.")]
internal static class StartupHook
{
    public static void Initialize()
    {
        CommandHost.ServeAsync(Environment.GetCommandLineArgs()[1]).GetAwaiter().GetResult();
        Environment.Exit(0);
    }
}
