using System.Globalization;
using Tidemark.App.Tests.Fuzz;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Tidemark.App.Tests;

internal static class Program
{
    public static Task<int> Main(string[] args) => args switch
    {
        [ImportFuzzer.Command, var folder, var first] => ImportFuzzer.RunAsync(folder, int.Parse(first, CultureInfo.InvariantCulture)),
        _ when args.Any(a => a is "--server" or "--internal-msbuild-node") => TestPlatformTestFramework.RunAsync(
            args,
            SelfRegisteredExtensions.AddSelfRegisteredExtensions),
        _ => ConsoleRunner.Run(args),
    };
}
