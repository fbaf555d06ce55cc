using Tidemark.App.Tests.Fuzz;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Tidemark.App.Tests;

internal static class Program
{
    public static Task<int> Main(string[] args) => args switch
    {
        [ImportFuzzer.Command, var folder] => ImportFuzzer.RunAsync(folder),
        _ when args.Any(a => a is "--server" or "--internal-msbuild-node") => TestPlatformTestFramework.RunAsync(
            args,
            SelfRegisteredExtensions.AddSelfRegisteredExtensions),
        _ => ConsoleRunner.Run(args),
    };
}
