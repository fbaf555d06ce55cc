using Microsoft.Playwright;

namespace Tidemark.Benchmarks;

/// <summary>Charts of the page: from a change of what is shown to its answer drawn, as the page itself measures it.</summary>
internal sealed class PageZoom(string folder, Report report)
{
    private const int Rounds = 5;
    private const int Bound = 150;

    // In and out between a month and a day, and along.
    private static readonly string[] Keys = ["+", "+", "ArrowLeft", "+", "+", "+", "ArrowRight", "-", "-", "-", "ArrowLeft", "-", "-"];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var store = $"duckdb:{Path.Combine(folder, "zoom")}";
        await TidemarkProcess.RunAsync(store, ["demo", "--no-serve"], null, cancellationToken);
        await using var server = await TidemarkProcess.ServeAsync(store, null, cancellationToken);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Browser.StartAsync(playwright);
        await MeasureAsync(browser, server.Url, "a sensor, three metrics", "sensor/sensor_001?period=1m");
        var ten = string.Join('&', Enumerable.Range(1, 10).Select(n => $"sensor=sensor_{n:D3}"));
        await MeasureAsync(browser, server.Url, "ten sensors over each other", $"compare?{ten}&period=1m");
    }

    private async Task MeasureAsync(IBrowser browser, Uri url, string name, string view)
    {
        // A page of its own: in one that shows another view, that view's charts are there until the new ones are.
        var page = await browser.NewPageAsync();
        await page.GotoAsync(new Uri(url, $"/#/{view}").ToString());
        var stage = page.Locator(".stage[aria-busy=false]");
        await stage.WaitForAsync();
        await stage.FocusAsync();
        var millis = new List<double>();
        for (var round = 0; round <= Rounds; round++)
        {
            foreach (var key in Keys)
            {
                await page.EvaluateAsync("performance.clearMeasures()");
                await page.Keyboard.PressAsync(key);
                await stage.WaitForAsync();
                // The first round warms up.
                if (round > 0)
                {
                    millis.Add(await page.EvaluateAsync<double>("performance.getEntriesByName('tidemark-zoom')[0].duration"));
                }
            }
        }

        var samples = new Samples(millis);
        report.Add(Figure.Below(
            $"zoom and move, {name}: answered and drawn", samples.Median, Bound, "ms",
            $"median of {samples.Count}, slowest {Figure.Millis(samples.Max)}"));
    }
}
