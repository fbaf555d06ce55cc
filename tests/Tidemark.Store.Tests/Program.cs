using Tidemark.Store.Tests.DuckDb;
using Tidemark.Store.Tests.Timescale;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Tidemark.Store.Tests;

internal static class Program
{
    public static Task<int> Main(string[] args) => args switch
    {
        [CrashWriter.Command, var folder, var first] => CrashWriter.RunAsync(
            folder,
            int.Parse(first, System.Globalization.CultureInfo.InvariantCulture)),
        [WasmHolder.Command] => WasmHolder.RunAsync(),
        _ when args.Any(a => a is "--server" or "--internal-msbuild-node") => TestPlatformTestFramework.RunAsync(
            args,
            SelfRegisteredExtensions.AddSelfRegisteredExtensions),
        _ => ConsoleRunner.Run(args),
    };
}
