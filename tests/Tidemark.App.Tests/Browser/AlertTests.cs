using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>What fires, and by which rule.</summary>
public sealed class AlertTests
{
    [Fact]
    public async Task What_fires_is_listed_with_its_sensor_and_the_rules_are_told()
    {
        await using var server = await RunningServer.StartAsync(
            ("alerts:rules:0:name", "too_hot"), ("alerts:rules:0:metric", "temperature"), ("alerts:rules:0:above", "30"),
            ("alerts:rules:0:severity", "critical"));
        await server.WriteAsync("""{"sensor_id":"boiler-7","time":"2026-11-22T10:30:00Z","temperature":61.5}""");
        await using var visit = await Visit.OpenAsync(server, "alerts");
        var alert = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Alerts" }).GetByRole(AriaRole.Row).Nth(1);
        await Assertions.Expect(alert).ToContainTextAsync("boiler-7", new() { Timeout = 30_000 });
        await Assertions.Expect(alert).ToContainTextAsync("firing");
        await Assertions.Expect(alert).ToContainTextAsync("critical");
        await Assertions.Expect(alert).ToContainTextAsync("61.5");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Region, new() { Name = "Rules" })).ToContainTextAsync("temperature above 30");
        await visit.ExpectAccessibleAsync();
        await visit.PictureAsync("alerts-firing");
    }
}
