using Microsoft.Playwright;
using Tidemark.App.Tests.Http;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Browser;

/// <summary>The frame of the page: themes, zones, ways between views, and what every view keeps.</summary>
public sealed class PageTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await Fleet.FillAsync(_server, 30);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    public static TheoryData<string, ColorScheme, int> Views()
    {
        var data = new TheoryData<string, ColorScheme, int>();
        foreach (var view in (string[])[
            "", "alerts", "store", "nothing", "sensor/sensor_0001?period=1h", "compare?sensor=sensor_0001&sensor=sensor_0002&period=1h"])
        {
            foreach (var theme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
            {
                data.Add(view, theme, 1280);
                data.Add(view, theme, 390);
            }
        }

        return data;
    }

    [Theory, MemberData(nameof(Views))]
    public async Task Nothing_stands_in_anybodys_way(string view, ColorScheme theme, int width)
    {
        if ((theme is ColorScheme.Dark) != (width < 1280) || (view.Length > 0 && theme is ColorScheme.Light))
        {
            TestLength.SkipUnlessShare();
        }

        await using var visit = await Visit.OpenAsync(_server, view, theme, width);
        // Charts come after the frame.
        await Assertions.Expect(visit.Page.Locator("[aria-busy=true]")).ToHaveCountAsync(0);
        await visit.PictureAsync($"{(view == "" ? "fleet" : view.Split('/', '?')[0])}-{theme}-{width}");
        await visit.ExpectAccessibleAsync();
        // Wide tables scroll by themselves.
        Assert.Equal(
            await visit.Page.EvaluateAsync<int>("document.documentElement.clientWidth"),
            await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    [Fact]
    public async Task The_smallest_phone_needs_no_sideways_scrolling()
    {
        await using var visit = await Visit.OpenAsync(_server, "store", width: 360);
        Assert.Equal(360, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await visit.GoAsync("sensor/sensor_0001");
        Assert.Equal(360, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await visit.GoAsync("");
        Assert.Equal(360, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    [Fact]
    public async Task The_theme_follows_the_system_until_the_switch_says_otherwise_and_is_kept()
    {
        await using var visit = await Visit.OpenAsync(_server, theme: ColorScheme.Dark);
        var page = visit.Page;
        Assert.Equal("rgb(20, 24, 28)", await PaperAsync(page));
        await page.Locator("#theme").ClickAsync();
        Assert.Equal("rgb(255, 255, 255)", await PaperAsync(page));
        await page.ReloadAsync();
        Assert.Equal("rgb(255, 255, 255)", await PaperAsync(page));
        Assert.Equal("Theme: light", await page.Locator("#theme").GetAttributeAsync("aria-label"));
    }

    [Fact]
    public async Task Times_are_local_with_UTC_at_hand_and_switch()
    {
        await using var visit = await Visit.OpenAsync(_server, "store", zone: "Asia/Kathmandu");
        var time = visit.Page.GetByRole(AriaRole.Row, new() { Name = "hourly" }).Locator("time").First;
        Assert.Equal("2026-11-22 15:45:00", await time.TextContentAsync());
        Assert.Equal("2026-11-22 15:45:00 local\n2026-11-22 10:00:00 UTC", await time.GetAttributeAsync("title"));
        await visit.Page.Locator("#zone").ClickAsync();
        await Assertions.Expect(time).ToHaveTextAsync("2026-11-22 10:00:00");
    }

    [Fact]
    public async Task Who_uses_the_keyboard_can_pass_over_the_header()
    {
        await using var visit = await Visit.OpenAsync(_server);
        await visit.Page.Keyboard.PressAsync("Tab");
        await visit.Page.Keyboard.PressAsync("Enter");
        Assert.Equal("main", await visit.Page.EvaluateAsync<string>("document.activeElement.id"));
        Assert.EndsWith("/#/", visit.Page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_gone_is_told_and_tried_again()
    {
        await using var server = await RunningServer.StartAsync();
        await using var visit = await Visit.OpenAsync(server);
        visit.Expected = "Failed to load resource";
        await visit.Context.SetOfflineAsync(true);
        await visit.Page.GetByRole(AriaRole.Link, new() { Name = "Fleet", Exact = true }).ClickAsync();
        await visit.Page.EvaluateAsync("location.hash = '#/?q=x'");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The server gives no answer. Is it running?");
        await visit.Context.SetOfflineAsync(false);
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "Fleet" })).ToBeVisibleAsync();
    }

    private static Task<string> PaperAsync(IPage page) => page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor");
}
