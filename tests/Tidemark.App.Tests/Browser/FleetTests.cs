using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>The fleet: found, sorted, stale on top, and no slower for being large.</summary>
public sealed class FleetTests
{
    private const string Rows = ".fleet .body [role=row]";

    [Fact]
    public async Task Every_sensor_has_its_last_values_with_units_and_its_age()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 3);
        server.Clock.Advance(TimeSpan.FromMinutes(2));
        await using var visit = await Visit.OpenAsync(server);
        await Assertions.Expect(visit.Page.Locator(Rows)).ToHaveCountAsync(3);
        var row = visit.Page.Locator(Rows).Nth(1);
        await Assertions.Expect(row.GetByRole(AriaRole.Link)).ToHaveTextAsync("sensor_0002");
        await Assertions.Expect(row.GetByRole(AriaRole.Cell).Nth(0)).ToHaveTextAsync("2\u00a0°C");
        await Assertions.Expect(row.Locator(".others")).ToHaveTextAsync("humidity 42\u00a0%");
        await Assertions.Expect(row.Locator(".age")).ToHaveTextAsync("2\u00a0min");
        Assert.Equal("#/sensor/sensor_0002", await row.GetByRole(AriaRole.Link).GetAttributeAsync("href"));
        await visit.Page.GetByLabel("Metric").SelectOptionAsync("humidity");
        await Assertions.Expect(row.GetByRole(AriaRole.Cell).Nth(0)).ToHaveTextAsync("42\u00a0%");
    }

    [Fact]
    public async Task What_is_written_meanwhile_shows_by_itself()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 2);
        await using var visit = await Visit.OpenAsync(server);
        var row = visit.Page.Locator(Rows).First;
        await Assertions.Expect(row.GetByRole(AriaRole.Cell).Nth(0)).ToHaveTextAsync("1\u00a0°C");
        server.Clock.Advance(TimeSpan.FromMinutes(5));
        await server.WriteAsync("""{"sensor_id":"sensor_0001","time":"2026-11-22T10:35:00Z","temperature":-7.5}""");
        await Assertions.Expect(row.GetByRole(AriaRole.Cell).Nth(0)).ToHaveTextAsync("-7.5\u00a0°C");
        await Assertions.Expect(row.Locator(".age")).ToContainTextAsync("0\u00a0s");
    }

    /// <summary>The fleet was long in coming, so it isn't asked for again soon.</summary>
    [Fact]
    public async Task What_is_written_before_readings_come_by_themselves_shows_too()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 2);
        await using var visit = await Visit.OpenAsync(server, "store");
        await visit.Page.RouteAsync("**/api/sensors/current", async route =>
        {
            await Task.Delay(2000);
            await route.ContinueAsync();
        });
        await visit.Page.RouteAsync("**/api/live?*", async route =>
        {
            await server.WriteAsync("""{"sensor_id":"sensor_0001","time":"2026-11-22T10:30:00Z","temperature":-7.5}""");
            await route.ContinueAsync();
        });
        await visit.GoAsync("");
        var cell = visit.Page.Locator(Rows).First.GetByRole(AriaRole.Cell).Nth(0);
        await Assertions.Expect(cell).ToHaveTextAsync("-7.5\u00a0°C", new() { Timeout = 20_000 });
    }

    [Fact]
    public async Task The_last_day_is_a_line_of_the_chosen_metric()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 3);
        await using var visit = await Visit.OpenAsync(server);
        var line = visit.Page.Locator(Rows).Nth(1).GetByRole(AriaRole.Img);
        await Assertions.Expect(line).ToHaveAttributeAsync("aria-label", "temperature from 2 to 2.6");
        Assert.Matches("^M[0-9. ]+(L[0-9. ]+)+$", await line.Locator("path").GetAttributeAsync("d") ?? "");
        await visit.Page.GetByLabel("Metric").SelectOptionAsync("humidity");
        await Assertions.Expect(line).ToHaveAttributeAsync("aria-label", "humidity from 42 to 42");
        await visit.ExpectAccessibleAsync();
    }

    [Fact]
    public async Task Arrows_go_from_row_to_row_and_boxes_choose_what_to_compare()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 30);
        await using var visit = await Visit.OpenAsync(server);
        await visit.Page.GetByLabel("Compare sensor_0002").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Space");
        await visit.Page.Keyboard.PressAsync("ArrowDown");
        await visit.Page.Keyboard.PressAsync("ArrowDown");
        await visit.Page.Keyboard.PressAsync("Space");
        await Assertions.Expect(visit.Page.GetByLabel("Compare sensor_0004")).ToBeCheckedAsync();
        var compare = visit.Page.GetByRole(AriaRole.Link, new() { Name = "Compare 2 sensors" });
        await Assertions.Expect(compare).ToHaveAttributeAsync("href", "#/compare?sensor=sensor_0002&sensor=sensor_0004");
        foreach (var sensor in Enumerable.Range(5, 8))
        {
            await visit.Page.GetByLabel($"Compare {Fleet.Id(sensor)}").CheckAsync();
        }

        await visit.Page.GetByLabel("Compare sensor_0013").ClickAsync();
        await Assertions.Expect(visit.Page.GetByLabel("Compare sensor_0013")).Not.ToBeCheckedAsync();
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "Compare 10 sensors" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Who_is_silent_for_longer_than_usual_stands_on_top_and_alone_on_demand()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 20);
        await server.WriteAsync("""
            [{"sensor_id":"long_gone","time":"2026-10-01T00:00:00Z","temperature":1},
             {"sensor_id":"gone","time":"2026-11-20T00:00:00Z","temperature":1},
             {"sensor_id":"gone","time":"2026-11-19T23:59:00Z","temperature":1},
             {"sensor_id":"gone","time":"2026-11-19T23:00:00Z","temperature":1}]
            """);
        await server.RefreshAsync();
        await using var visit = await Visit.OpenAsync(server);
        await ExpectIdsAsync(visit, 3, "long_gone", "gone", "sensor_0001");
        await Assertions.Expect(visit.Page.Locator(Rows).First.Locator(".age")).ToContainTextAsync("stale, ");
        var toggle = visit.Page.GetByRole(AriaRole.Button, new() { Name = "2 stale" });
        await toggle.ClickAsync();
        await Assertions.Expect(visit.Page.Locator(Rows)).ToHaveCountAsync(2);
        await Assertions.Expect(toggle).ToHaveAttributeAsync("aria-pressed", "true");
        await visit.ExpectAccessibleAsync();
    }

    [Fact]
    public async Task A_search_narrows_as_it_is_typed_and_its_address_shows_the_same_again()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 120);
        await using var visit = await Visit.OpenAsync(server);
        await visit.Page.Keyboard.PressAsync("/");
        await visit.Page.Keyboard.TypeAsync("SENSOR 11");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Status)).ToHaveTextAsync("11 of 120 sensors");
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Sensor", Exact = true }).ClickAsync();
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Sensor", Exact = true }).ClickAsync();
        await ExpectIdsAsync(visit, 2, "sensor_0119", "sensor_0118");
        await visit.Page.ReloadAsync();
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Status)).ToHaveTextAsync("11 of 120 sensors");
        await ExpectIdsAsync(visit, 2, "sensor_0119", "sensor_0118");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Columnheader, new() { Name = "Sensor" }))
            .ToHaveAttributeAsync("aria-sort", "descending");
    }

    [Fact]
    public async Task Where_there_is_nothing_it_says_why()
    {
        await using var server = await RunningServer.StartAsync();
        await using var visit = await Visit.OpenAsync(server);
        await Assertions.Expect(visit.Page.Locator("pre")).ToContainTextAsync($"{server.Address}api/readings");
        await visit.ExpectAccessibleAsync();
        await Fleet.FillAsync(server, 2);
        await Assertions.Expect(visit.Page.Locator(Rows)).ToHaveCountAsync(2, new() { Timeout = 30_000 });
        await visit.Page.GetByRole(AriaRole.Searchbox).FillAsync("boiler");
        await Assertions.Expect(visit.Page.GetByText("No sensor has that in its id.")).ToBeVisibleAsync();
        await visit.ExpectAccessibleAsync();
    }

    [Fact]
    public async Task Values_sort_as_numbers()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 30);
        await using var visit = await Visit.OpenAsync(server);
        var header = visit.Page.GetByRole(AriaRole.Button, new() { Name = "Value" });
        await header.ClickAsync();
        await ExpectIdsAsync(visit, 3, "sensor_0001", "sensor_0002", "sensor_0003");
        await header.ClickAsync();
        await ExpectIdsAsync(visit, 2, "sensor_0030", "sensor_0029");
    }

    [Fact]
    public async Task Ids_of_any_kind_are_texts_and_their_links_lead_to_them()
    {
        string[] ids = ["<img src=x onerror=alert(1)>", "a/b", "50%", "größe 1", "🌡"];
        await using var server = await RunningServer.StartAsync();
        var readings = ids.Select(id => $$"""{"sensor_id":"{{id}}","time":"2026-11-22T10:00:00Z","temperature":1}""");
        await server.WriteAsync($"[{string.Join(',', readings)}]");
        await using var visit = await Visit.OpenAsync(server);
        var links = visit.Page.Locator($"{Rows} a");
        Assert.Equal(ids.Order(StringComparer.Ordinal), (await links.AllTextContentsAsync()).Order(StringComparer.Ordinal));
        foreach (var link in await links.AllAsync())
        {
            var href = await link.GetAttributeAsync("href");
            Assert.Equal(await link.TextContentAsync(), Uri.UnescapeDataString(href!["#/sensor/".Length..]));
        }
    }

    [Fact]
    public async Task Of_a_fleet_of_fifty_thousand_only_what_is_in_sight_exists_and_the_last_is_one_key_away()
    {
        await using var server = await RunningServer.StartAsync();
        var batch = new ReadingBatch(server.Store.Schema.MetricNames, 50_000);
        for (var s = 1; s <= 50_000; s++)
        {
            batch.Add($"s{s:D5}", Instant.Utc(2026, 11, 22, 10, 30), [s % 40, 50, 1000]);
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
        await using var visit = await Visit.OpenAsync(server);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Status)).ToHaveTextAsync("50,000 sensors");
        await visit.Page.Keyboard.PressAsync("End");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "s50000" })).ToBeInViewportAsync();
        Assert.InRange(await visit.Page.Locator(Rows).CountAsync(), 10, 60);
        var last = visit.Page.Locator(Rows).Last;
        await Assertions.Expect(last).ToHaveAttributeAsync("aria-rowindex", "50001");
        await visit.Page.GetByRole(AriaRole.Searchbox).FillAsync("s123 4");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("of 50,000 sensors");
        await visit.ExpectAccessibleAsync();
    }

    private static async Task ExpectIdsAsync(Visit visit, int count, params string[] ids)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            await Assertions.Expect(visit.Page.Locator($"{Rows} a").Nth(i)).ToHaveTextAsync(ids[i]);
        }

        Assert.True(await visit.Page.Locator(Rows).CountAsync() >= count);
    }
}
