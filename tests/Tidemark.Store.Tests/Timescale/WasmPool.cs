using System.Collections.Concurrent;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Databases in WebAssembly that tests have done with, each empty again: as many as tests run side by side.</summary>
internal static class WasmPool
{
    private static readonly ConcurrentBag<WasmTimescale> Idle = [];

    /// <summary>Without Node.js the test is skipped, and failed where <c>CI</c> is true.</summary>
    public static void SkipIfUnavailable()
    {
        if (WasmTimescale.Unavailable is { } reason)
        {
            Assert.False(string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase), reason);
            Assert.Skip(reason);
        }
    }

    public static async Task<WasmTimescale> TakeAsync()
    {
        SkipIfUnavailable();
        return Idle.TryTake(out var idle) ? idle : await WasmTimescale.StartAsync();
    }

    public static async Task GiveBackAsync(WasmTimescale database)
    {
        if (await database.ResetAsync())
        {
            Idle.Add(database);
        }
        else
        {
            await database.DisposeAsync();
        }
    }
}
