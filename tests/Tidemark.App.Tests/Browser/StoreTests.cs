using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>The store: what it holds, how readings come, and what is wrong.</summary>
public sealed class StoreTests
{
    [Fact]
    public async Task It_tells_how_far_aggregates_are_and_how_jobs_went()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 3);
        await using var visit = await Visit.OpenAsync(server, "store");
        var aggregates = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Aggregates" });
        await Assertions.Expect(aggregates.GetByRole(AriaRole.Row).Nth(1)).ToContainTextAsync("2026-11-22 10:00:00");
        await Assertions.Expect(aggregates.GetByRole(AriaRole.Row)).ToHaveCountAsync(4);
        var jobs = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Jobs" });
        await Assertions.Expect(jobs.GetByRole(AriaRole.Row, new() { Name = "refresh" })).ToContainTextAsync("* * * * *");
        await Assertions.Expect(visit.Page.GetByText("Nothing is wrong.")).ToBeVisibleAsync();
        await visit.Page.GetByText("1 chunk of raw readings").ClickAsync();
        var chunks = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Chunks" });
        await Assertions.Expect(chunks.GetByRole(AriaRole.Row)).ToHaveCountAsync(2);
        await visit.ExpectAccessibleAsync();
    }

    [Fact]
    public async Task It_tells_what_came_by_which_way_and_what_was_refused_as_text()
    {
        await using var server = await RunningServer.StartAsync();
        await Fleet.FillAsync(server, 3);
        using var refused = await server.PostAsync("""{"sensor_id":"a","time":"<b>never</b>","temperature":2}""");
        await using var visit = await Visit.OpenAsync(server, "store");
        var ways = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Ways in over HTTP" });
        await Assertions.Expect(ways.GetByRole(AriaRole.Row, new() { Name = "/api/readings" })).ToContainTextAsync("39");
        var last = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Last requests refused" });
        await Assertions.Expect(last.GetByRole(AriaRole.Row).Last).ToContainTextAsync("<b>never</b>");
        await visit.ExpectAccessibleAsync();
        await visit.PictureAsync("store-ways");
    }

    [Fact]
    public async Task What_is_wrong_stands_on_top_with_what_to_do()
    {
        await using var server = await RunningServer.StartAsync(("mqtt:brokers:0:address", "mqtt://127.0.0.1:1"));
        await using var visit = await Visit.OpenAsync(server, "store");
        var problem = visit.Page.Locator(".problems li");
        await Assertions.Expect(problem).ToContainTextAsync("The broker mqtt://127.0.0.1:1", new() { Timeout = 30_000 });
        await Assertions.Expect(problem).ToContainTextAsync("It is tried again by itself.");
        await visit.ExpectAccessibleAsync();
        await visit.PictureAsync("store-problem");
    }
}
