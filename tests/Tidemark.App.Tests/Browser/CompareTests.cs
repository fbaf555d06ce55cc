using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>Several sensors over each other.</summary>
public sealed class CompareTests : IAsyncLifetime
{
    private static readonly string[] Sensors = [.. Enumerable.Range(1, 11).Select(n => $"s{n:D2}")];

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await Charts.FillAsync(_server, Sensors);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Sensors_that_are_marked_in_the_fleet_lie_over_each_other()
    {
        await using var visit = await Visit.OpenAsync(_server);
        await visit.Page.GetByLabel("Compare s01").CheckAsync();
        await visit.Page.GetByLabel("Compare s03").CheckAsync();
        await visit.Page.GetByRole(AriaRole.Link, new() { Name = "Compare 2 sensors" }).ClickAsync();
        await Assertions.Expect(Legend(visit)).ToHaveTextAsync(["s01×", "s03×"]);
        Assert.Equal(["2026-11-22 10:30:00", "20", "22"], (await visit.ValuesAsync())[0]);
    }

    [Fact]
    public async Task The_metric_can_be_changed_and_a_link_shows_the_same()
    {
        await using var visit = await Visit.OpenAsync(_server, "compare?sensor=s02&sensor=s04&period=1w");
        await visit.DrawnAsync();
        await Assertions.Expect(visit.Page.GetByLabel("Metric").Locator("option")).ToHaveTextAsync(["temperature", "humidity"]);
        await visit.Page.RunAndWaitForResponseAsync(
            () => visit.Page.GetByLabel("Metric").SelectOptionAsync("humidity"),
            r => r.Url.Contains("metrics=humidity", StringComparison.Ordinal));
        await visit.AskAsync(() => visit.Button("Zoom in").ClickAsync());
        var question = Charts.Query(await visit.CsvAsync());
        Assert.Equal(("s02,s04", "humidity"), (question["sensors"], question["metrics"]));
        await using var other = await Visit.OpenAsync(_server, visit.Address());
        Assert.Equal(await visit.ValuesAsync(), await other.ValuesAsync());
        Assert.Equal(await visit.CsvAsync(), await other.CsvAsync());
    }

    [Fact]
    public async Task Sensors_come_and_go_and_the_browser_leads_back()
    {
        await using var visit = await Visit.OpenAsync(_server, "compare?sensor=s01&sensor=s02&period=1w", expected: "status of 404");
        var add = visit.Page.GetByLabel("Add a sensor");
        await add.FillAsync("s99");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(visit.Page.GetByText("there is no sensor 's99'")).ToBeVisibleAsync();
        await add.FillAsync("s05");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Legend(visit)).ToHaveTextAsync(["s01×", "s02×", "s05×"]);
        await visit.Button("Remove s01").ClickAsync();
        await Assertions.Expect(Legend(visit)).ToHaveTextAsync(["s02×", "s05×"]);
        Assert.Contains("sensor=s02&sensor=s05", visit.Page.Url, StringComparison.Ordinal);
        Assert.Contains("period=1w", visit.Page.Url, StringComparison.Ordinal);
        await visit.Page.GoBackAsync();
        await Assertions.Expect(Legend(visit)).ToHaveCountAsync(3);
    }

    [Fact]
    public async Task Ten_are_the_most_and_no_two_lines_look_alike()
    {
        await using var visit = await Visit.OpenAsync(_server, $"compare?{string.Join('&', Sensors.Select(s => $"sensor={s}"))}&period=1w");
        await Assertions.Expect(Legend(visit)).ToHaveCountAsync(10);
        await Assertions.Expect(visit.Page.GetByLabel("Add a sensor")).ToHaveCountAsync(0);
        var looks = await visit.Page.EvaluateAsync<string[]>(
            "Array.from(document.querySelectorAll('.swatch'), one => getComputedStyle(one)).map(s => s.borderTopColor + s.borderTopStyle)");
        Assert.Equal(10, looks.Distinct().Count());
        await visit.DrawnAsync();
        await visit.PictureAsync("compare-ten");
        await visit.ExpectAccessibleAsync();
        Assert.Equal(11, (await visit.ValuesAsync())[0].Where((_, i) => i == 0 || i % 2 == 1).Count());
    }

    [Fact]
    public async Task Without_a_sensor_one_can_be_added()
    {
        await using var visit = await Visit.OpenAsync(_server, "compare");
        await visit.Page.GetByLabel("Add a sensor").FillAsync("s05");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Legend(visit)).ToHaveTextAsync(["s05×"]);
    }

    private static ILocator Legend(Visit visit) => visit.Page.Locator(".legend li");
}
