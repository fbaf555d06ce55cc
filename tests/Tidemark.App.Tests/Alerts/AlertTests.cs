using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Alerts;

/// <summary>Alerts of a real server, a real webhook, and a clock of the test's own.</summary>
public sealed class AlertTests
{
    private const string TooHot = "name=too_hot sensors=a,hall-* metric=temperature above=30 clear=28 severity=critical summary=hot";

    [Fact]
    public async Task An_alert_fires_and_is_resolved_and_the_webhook_is_told_of_each_once()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, TooHot));
        await server.WriteAsync("a", "10:00:00", 30);
        await server.WriteAsync("b", "10:00:00", 99);
        Assert.Equal("", await server.ActiveAsync());
        await server.WriteAsync("a", "10:01:00", 31.5);
        await server.WriteAsync("hall-1", "10:01:00", 31);
        Assert.Equal("too_hot a firing; too_hot hall-1 firing", await server.ActiveAsync());
        Assert.Equal(
            Compact("""
                {
                  "rule": "too_hot", "sensor_id": "a", "state": "firing", "severity": "critical",
                  "expression": "temperature above 30, clear at 28", "summary": "hot",
                  "active_since": "2026-11-22T10:01:00Z", "fired_at": "2026-11-22T10:01:00Z", "clear_since": null,
                  "last_time": "2026-11-22T10:01:00Z", "value": 31.5
                }
                """),
            (await server.GetAsync("/api/alerts?sensors=a"))["alerts"]![0]!.ToJsonString());
        await server.WriteAsync("a", "10:02:00", 28.1);
        await server.WriteAsync("a", "10:02:30", 35);
        Assert.Equal("too_hot a firing; too_hot hall-1 firing", await server.ActiveAsync());
        await server.WriteAsync("a", "10:03:00", 28);
        Assert.Equal("too_hot hall-1 firing", await server.ActiveAsync());

        Assert.Equal(
            ["alert.firing too_hot a", "alert.firing too_hot hall-1", "alert.resolved too_hot a"],
            await webhook.TakenAsync(3));
        Assert.Equal(3, webhook.All.Select(w => w.Id).Distinct().Count());
        Assert.Equal(
            Compact("""
                {
                  "type": "alert.resolved", "timestamp": "2026-11-22T10:03:00Z",
                  "data": {
                    "rule": "too_hot", "sensor_id": "a", "state": "resolved", "severity": "critical",
                    "expression": "temperature above 30, clear at 28", "summary": "hot", "value": 28,
                    "active_since": "2026-11-22T10:01:00Z", "fired_at": "2026-11-22T10:01:00Z", "resolved_at": "2026-11-22T10:03:00Z",
                    "reason": null
                  }
                }
                """),
            webhook.Taken[2].Text);
        var status = await server.StatusAsync();
        Assert.Equal(
            "2 rules, 1 firing, true, 3 delivered",
            $"{status["rules"]} rules, {status["firing"]} firing, {status["evaluating"]}, "
                + $"{status["receivers"]![0]!["delivered"]} delivered");
        Assert.Equal("hall-1", status["alerts"]!.AsArray().Single(a => $"{a!["rule"]}" == "too_hot")!["sensor_id"]!.GetValue<string>());
    }

    private static string Compact(string json) => JsonNode.Parse(json)!.ToJsonString();

    [Fact]
    public async Task What_is_sent_is_signed_as_standard_webhooks_says()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, TooHot));
        await server.WriteAsync("a", "10:01:00", 31);
        await webhook.TakenAsync(1);
        var sent = webhook.Taken[0];
        Assert.Equal(server.Clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), sent.Seconds);
        Assert.Matches("^alert_[0-9]{19}_[0-9a-f]{8}$", sent.Id);

        // By the words of the specification; the vectors of its own tests are in the unit tests.
        var key = Convert.FromBase64String(AlertServer.Secret["whsec_".Length..]);
        var signed = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{sent.Id}.{sent.Seconds}.{sent.Text}"));
        Assert.Equal($"v1,{Convert.ToBase64String(signed)}", sent.Signature);
    }

    [Fact]
    public async Task A_sensor_that_flaps_fires_once_or_never()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(
            webhook,
            "name=patient sensors=a metric=temperature above=30 for=5min",
            "name=lasting sensors=a metric=temperature above=30 keep_firing_for=5min"));
        for (var minute = 0; minute < 20; minute++)
        {
            await server.WriteAsync("a", $"09:{minute:00}:00", minute % 2 == 0 ? 31 : 29);
        }

        Assert.Equal("lasting a firing", await server.ActiveAsync());
        await server.WriteAsync("a", "09:24:00", 29);
        Assert.Equal("", await server.ActiveAsync());
        foreach (var minute in (int[])[30, 32, 34, 35])
        {
            await server.WriteAsync("a", $"09:{minute:00}:00", 31);
        }

        Assert.Equal("lasting a firing; patient a firing", await server.ActiveAsync());
        Assert.Equal(
            ["alert.firing lasting a", "alert.resolved lasting a", "alert.firing lasting a", "alert.firing patient a"],
            await webhook.TakenAsync(4));
        Assert.Equal("2026-11-22T09:30:00Z", webhook.Taken[3].Body["data"]!["active_since"]!.GetValue<string>());
    }

    [Fact]
    public async Task Late_readings_change_nothing_and_those_that_say_otherwise_are_counted()
    {
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(null, TooHot));
        await server.WriteAsync("a", "09:10:00", 31);
        await server.WriteAsync("a", "09:05:00", 20);
        await server.WriteAsync("a", "09:06:00", 40);
        Assert.Equal("too_hot a firing", await server.ActiveAsync());
        await server.WriteAsync("a", "09:20:00", 20);
        await server.WriteAsync("a", "09:15:00", 50);
        Assert.Equal("", await server.ActiveAsync());
        Assert.Equal("2", $"{(await server.StatusAsync())["late"]}");
    }

    [Fact]
    public async Task A_restart_goes_on_where_it_was_with_what_was_written_meanwhile()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(
            webhook, TooHot, "name=patient sensors=b metric=temperature above=30 for=10min"));
        await server.WriteAsync("a", "09:00:00", 31);
        await server.WriteAsync("b", "09:00:00", 31);
        Assert.Equal("patient b pending; too_hot a firing", await server.ActiveAsync());
        await server.StopAsync();
        await server.WriteBesideAsync("hall-1", "09:03:00", 35);
        await server.WriteBesideAsync("hall-1", "09:04:00", 20);
        await server.StartAgainAsync();
        Assert.Equal("patient b pending; too_hot a firing", await server.ActiveAsync());
        await server.WriteAsync("b", "09:11:00", 31);
        Assert.Equal("patient b firing; too_hot a firing", await server.ActiveAsync());
        Assert.Equal(
            ["alert.firing too_hot a", "alert.firing too_hot hall-1", "alert.resolved too_hot hall-1", "alert.firing patient b"],
            await webhook.TakenAsync(4));
        Assert.Equal("2026-11-22T09:00:00Z", webhook.Taken[3].Body["data"]!["active_since"]!.GetValue<string>());
        await server.WriteAsync("a", "09:12:00", 20);
        Assert.Equal("alert.resolved too_hot a", (await webhook.TakenAsync(5))[4]);
        Assert.Equal(5, webhook.All.Count);
    }

    [Fact]
    public async Task A_webhook_that_is_down_for_an_hour_gets_everything_once_and_in_order()
    {
        await using var webhook = await WebhookListener.StartAsync();
        webhook.Status = HttpStatusCode.ServiceUnavailable;
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, TooHot));
        await server.WriteAsync("a", "09:00:00", 31);
        await Until.TrueAsync(() => webhook.All.Count == 1);
        await server.PassAsync(TimeSpan.FromMinutes(30));
        await server.WriteAsync("a", "09:30:00", 20);
        await server.WriteAsync("hall-1", "09:31:00", 40);
        await server.SettleAsync();

        // What waits outlives the server.
        await server.StopAsync();
        await server.StartAgainAsync();
        await server.PassAsync(TimeSpan.FromMinutes(30));
        var receiver = (await server.StatusAsync())["receivers"]![0]!;
        Assert.Equal(("3", "0", "answered 503"), ($"{receiver["waiting"]}", $"{receiver["delivered"]}", $"{receiver["error"]}"));

        // Twelve times an hour at least, and not every second.
        Assert.InRange(webhook.All.Count, 12, 60);
        Assert.Single(webhook.All.Select(w => w.Id).Distinct());
        webhook.Status = HttpStatusCode.OK;
        await server.PassAsync(TimeSpan.FromMinutes(6));
        Assert.Equal(
            ["alert.firing too_hot a", "alert.resolved too_hot a", "alert.firing too_hot hall-1"],
            await webhook.TakenAsync(3));
        await Until.TrueAsync(async () => $"{(await server.StatusAsync())["receivers"]![0]!["waiting"]}" == "0");
        Assert.Empty(await server.Store.ReadDocumentsAsync("alerts/outbox/", "", 10, CancellationToken.None));
        Assert.Equal(3, webhook.Taken.Count);
    }

    [Fact]
    public async Task Silence_is_measured_by_the_clock_and_ends_with_a_reading()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, "name=silent except=marker silent=15min"));
        await server.WriteAsync("a", "09:55:00", 20);
        Assert.Equal("", await server.ActiveAsync());
        await server.PassAsync(TimeSpan.FromMinutes(9));
        Assert.Equal("", await server.ActiveAsync());
        await server.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("silent a firing", await server.ActiveAsync());
        await server.WriteAsync("a", "09:55:30", 20);
        Assert.Equal("silent a firing", await server.ActiveAsync());
        await server.WriteAsync("a", "10:11:00", 20);
        Assert.Equal("", await server.ActiveAsync());

        // It is silent while the server is away.
        await server.StopAsync();
        server.Clock.Advance(TimeSpan.FromHours(1));
        await server.StartAgainAsync();
        Assert.Equal(
            ["alert.firing silent a", "alert.resolved silent a", "alert.firing silent a"], await webhook.TakenAsync(3));
        Assert.Equal(
            ["2026-11-22T10:10:00Z", "2026-11-22T10:11:00Z", "2026-11-22T10:26:00Z"],
            webhook.Taken.Select(w => w.Body["timestamp"]!.GetValue<string>()));
        Assert.Null(webhook.Taken[0].Body["data"]!["value"]);
    }

    [Fact]
    public async Task A_rate_of_change_is_counted_in_its_time()
    {
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(
            null,
            "name=rises sensors=a metric=temperature rate_above=6 per=1h",
            "name=falls sensors=a metric=temperature rate_below=-6 per=1h over=10min"));
        await server.WriteAsync("a", "09:00:00", 20);
        await server.WriteAsync("a", "09:10:00", 21);
        Assert.Equal("", await server.ActiveAsync());
        await server.WriteAsync("a", "09:15:00", 22);
        Assert.Equal("rises a firing", await server.ActiveAsync());
        Assert.Equal("12", $"{(await server.GetAsync("/api/alerts?rule=rises"))["alerts"]![0]!["value"]}");
        await server.WriteAsync("a", "09:16:00", 10);
        Assert.Equal("", await server.ActiveAsync());
        await server.WriteAsync("a", "09:20:00", 10);
        Assert.Equal("falls a firing", await server.ActiveAsync());
        Assert.Equal("-66", $"{(await server.GetAsync("/api/alerts?rule=falls"))["alerts"]![0]!["value"]}");
    }

    [Fact]
    public async Task Pairs_beyond_the_most_are_not_evaluated_and_counted()
    {
        await using var server = await AlertServer.StartAsync(
            [.. AlertServer.Settings(null, "name=too_hot metric=temperature above=30 except=marker"), ("alerts:max_instances", "3")]);
        await server.SettleAsync();
        foreach (var sensor in (string[])["a", "b", "c", "d"])
        {
            await server.WriteAsync(sensor, "09:00:00", 31);
        }

        Assert.Equal("too_hot a firing; too_hot b firing", await server.ActiveAsync());
        var status = await server.StatusAsync();
        Assert.Equal(("3", "2"), ($"{status["instances"]}", $"{status["not_evaluated"]}"));
    }

    [Fact]
    public async Task A_rule_that_comes_lets_no_change_of_another_one_pass()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(
            AlertServer.Settings(webhook, "name=too_hot sensors=a metric=temperature above=30 notify=ops"));
        const int Readings = 400;
        var begin = server.Clock.GetUtcNow() - TimeSpan.FromHours(1);
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < Readings; i++)
            {
                await server.PostAsync(
                    "/api/readings",
                    new JsonObject
                    {
                        ["sensor_id"] = "a",
                        ["time"] = Instant.From(begin.AddSeconds(i)).ToString(),
                        ["temperature"] = i % 2 == 0 ? 31 : 20,
                    });
            }
        });
        for (var i = 0; !writing.IsCompleted; i++)
        {
            using var put = await server.PutRuleAsync("cold", $$"""{"metric":"temperature","below":{{-i}},"notify":[]}""");
            Assert.True(put.IsSuccessStatusCode);
        }

        await writing;
        await Until.TrueAsync(() => webhook.Taken.Count >= Readings, () => $"{webhook.Taken.Count} of {Readings}");
        Assert.Equal(
            Enumerable.Range(0, Readings).Select(i => i % 2 == 0 ? "alert.firing too_hot a" : "alert.resolved too_hot a"),
            webhook.Taken.Select(w => w.Line));
    }
}
