using System.Diagnostics;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A process that starts a database in WebAssembly, prints its process id and waits to be killed.</summary>
internal static class WasmHolder
{
    public const string Command = "wasm-holder";

    public static Process Start()
    {
        var executable = Path.Combine(AppContext.BaseDirectory, $"Tidemark.Store.Tests{(OperatingSystem.IsWindows() ? ".exe" : "")}");
        return Process.Start(new ProcessStartInfo(executable, [Command]) { RedirectStandardOutput = true })!;
    }

    public static async Task<int> RunAsync()
    {
        await using var database = await WasmTimescale.StartAsync();
        Console.WriteLine(database.ProcessId);
        await Task.Delay(Timeout.Infinite);
        return 0;
    }
}
