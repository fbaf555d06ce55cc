using Microsoft.Playwright;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Browser;

/// <summary>
/// The machine's Chromium, one process for all tests. Tests are skipped where there is none, and fail where CI is true. It asks no other
/// host for anything.
/// </summary>
internal static class Chromium
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];

    private static readonly Lazy<Task<IBrowser>> Started = new(async () =>
    {
        // A page on a busy machine takes its time; what is never right still fails.
        Assertions.SetDefaultExpectTimeout(30_000);
        var playwright = await Playwright.CreateAsync();
        return await playwright.Chromium.LaunchAsync(Options());
    });

    public static Task<IBrowser> StartAsync()
    {
        Tool.Require(Find() is not null, "chromium");
        return Started.Value;
    }

    /// <summary>A browser that has loaded nothing yet.</summary>
    public static async Task<IBrowser> StartAnotherAsync()
    {
        Tool.Require(Find() is not null, "chromium");
        var playwright = await Playwright.CreateAsync();
        return await playwright.Chromium.LaunchAsync(Options());
    }

    private static string? Find() => Names.Select(Tool.Find).FirstOrDefault(path => path is not null);

    private static BrowserTypeLaunchOptions Options() => new()
    {
        ExecutablePath = Find(),
        Args =
        [
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-default-apps",
        ],
    };
}
