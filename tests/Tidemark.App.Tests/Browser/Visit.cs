using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>
/// A reader of the page in a browser of their own. What the page may not do, such as an error in its console or a question to another host,
/// fails the test at the end.
/// </summary>
internal sealed class Visit : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly Uri _address;
    private readonly List<string> _faults = [];

    private Visit(IBrowserContext context, IPage page, Uri address, string? expected)
    {
        (_context, Page, _address, Expected) = (context, page, address, expected);
        string[] own = [address.ToString(), "data:", "blob:"];
        page.Console += (_, message) => Note(message.Type is "error", message.Text);
        page.PageError += (_, error) => Note(true, error);
        page.Request += (_, request) => Note(!own.Any(o => request.Url.StartsWith(o, StringComparison.Ordinal)), request.Url);
    }

    public IPage Page { get; }

    public IBrowserContext Context => _context;

    /// <summary>What browsers log of answers that a test provokes, such as 401.</summary>
    public string? Expected { get; set; }

    public static async Task<Visit> OpenAsync(
        RunningServer server,
        string view = "",
        ColorScheme theme = ColorScheme.Light,
        int width = 1280,
        int height = 860,
        string zone = "UTC",
        string? expected = null)
    {
        var browser = await Chromium.StartAsync();
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = server.Address.ToString(),
            ColorScheme = theme,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            TimezoneId = zone,
            Locale = "en-GB",
        });
        var visit = new Visit(context, await context.NewPageAsync(), server.Address, expected);
        await visit.GoAsync(view);
        return visit;
    }

    /// <param name="view">What follows <c>/#/</c>.</param>
    public async Task GoAsync(string view)
    {
        await Page.GotoAsync($"/#/{view}");
        await Page.Locator("main > *").First.WaitForAsync();
    }

    /// <summary>Expects that nothing stands in the way of who can't see or use a mouse.</summary>
    public async Task ExpectAccessibleAsync()
    {
        var result = await Page.RunAxe();
        Assert.True(
            result.Violations.Length == 0,
            string.Join("\n", result.Violations.Select(v => $"{v.Id}: {v.Help} {string.Join(" ", v.Nodes.Select(n => n.Html))}")));
    }

    /// <summary>Keeps a picture for who looks, in the folder that TIDEMARK_TEST_SCREENSHOTS names.</summary>
    public async Task PictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("TIDEMARK_TEST_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{name}.png") });
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _context.CloseAsync();
        Assert.True(_faults.Count == 0, $"{_address}: {string.Join("\n", _faults)}");
    }

    private void Note(bool isFault, string text)
    {
        if (isFault && (Expected is null || !text.Contains(Expected, StringComparison.Ordinal)))
        {
            _faults.Add(text);
        }
    }
}
