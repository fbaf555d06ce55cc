using Microsoft.Playwright;

namespace Tidemark.Benchmarks;

/// <summary>Makes the picture of the page that the README shows.</summary>
internal static class PagePicture
{
    private const int Width = 1200;
    private const int Height = 640;

    /// <param name="folder">Where the store of the demo is made.</param>
    /// <param name="file">The picture.</param>
    /// <param name="view">What follows <c>/#/</c>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task TakeAsync(string folder, string file, string view, CancellationToken cancellationToken)
    {
        var store = $"duckdb:{Path.Combine(folder, "picture")}";
        await TidemarkProcess.RunAsync(store, ["demo", "--no-serve"], null, cancellationToken);
        await using var server = await TidemarkProcess.ServeAsync(store, null, cancellationToken);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Browser.StartAsync(playwright);
        var page = await browser.NewPageAsync(new BrowserNewPageOptions
        {
            ViewportSize = new ViewportSize { Width = Width, Height = Height },
            TimezoneId = "UTC",
        });
        await page.GotoAsync(new Uri(server.Url, $"/#/{view}").ToString(), new PageGotoOptions { WaitUntil = WaitUntilState.Load });
        await page.Locator("main > *").First.WaitForAsync();
        // Charts and lines come after the frame and are drawn in steps.
        await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken);
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = file });
    }
}
