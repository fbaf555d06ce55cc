using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Tidemark.App.Tests.Http;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Alerts;

/// <summary>Rules by the API, and who may change them.</summary>
public sealed class AlertApiTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-alert-api-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_rule_is_added_changed_and_taken_away_and_its_alerts_with_it()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook));
        await server.WriteAsync("a", "09:00:00", 31);
        using var added = await server.PutRuleAsync("too_hot", """{"metric":"temperature","above":30,"except":"marker"}""");
        Assert.Equal(
            """{"source":"api","expression":"temperature above 30","rule":{"name":"too_hot","sensors":"*","except":"marker","""
                + "\"metric\":\"temperature\",\"above\":30,\"severity\":\"warning\"}}",
            await added.Content.ReadAsStringAsync());

        // What the last reading says is said at once.
        Assert.Equal(["alert.firing too_hot a"], await webhook.TakenAsync(1));
        Assert.Equal("too_hot a firing", await server.ActiveAsync());

        // Another summary changes no state, another condition ends it.
        using var same = await server.PutRuleAsync("too_hot", """{"metric":"temperature","above":30,"except":"marker","summary":"hot"}""");
        Assert.Equal("too_hot a firing", await server.ActiveAsync());
        using var changed = await server.PutRuleAsync("too_hot", """{"metric":"temperature","above":25,"except":"marker"}""");
        Assert.Equal(
            ["alert.firing too_hot a", "alert.resolved too_hot a", "alert.firing too_hot a"], await webhook.TakenAsync(3));
        Assert.Equal("the rule was changed", webhook.Taken[1].Body["data"]!["reason"]!.GetValue<string>());
        Assert.Equal(
            ["configuration marker", "api too_hot"],
            (await server.GetAsync("/api/alerts/rules"))["rules"]!.AsArray().Select(r => $"{r!["source"]} {r["rule"]!["name"]}"));

        // It is there after a restart, and gone when it is taken away.
        await server.StopAsync();
        await server.StartAgainAsync();
        Assert.Equal("too_hot a firing", await server.ActiveAsync());
        using var removed = await server.Client.DeleteAsync("/api/alerts/rules/too_hot");
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        Assert.Equal("alert.resolved too_hot a", (await webhook.TakenAsync(4))[3]);
        Assert.StartsWith("the rule was removed", webhook.Taken[3].Body["data"]!["reason"]!.GetValue<string>());
        Assert.Equal("", await server.ActiveAsync());
        Assert.Equal(4, webhook.All.Count);
    }

    [Fact]
    public async Task A_rule_that_left_the_configuration_leaves_no_alert()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(
            AlertServer.Settings(webhook, "name=too_hot sensors=a metric=temperature above=30"));
        await server.WriteAsync("a", "09:00:00", 31);
        await webhook.TakenAsync(1);
        await server.DeliveredAsync();
        await server.StopAsync();
        await server.StartAgainAsync(AlertServer.Settings(webhook));
        Assert.Equal(["alert.firing too_hot a", "alert.resolved too_hot a"], await webhook.TakenAsync(2));
        Assert.Equal("", await server.ActiveAsync());
    }

    [Theory]
    [InlineData("too_hot", """{"metric":"t","above":"x","for":"5"}""", "above: 'x' is not a number; for: '5' is not a whole number and")]
    [InlineData("Hot", """{"silent":"1h"}""", "name: 'Hot' is not a lower-case letter")]
    [InlineData("a", """{"name":"b","silent":"1h"}""", "name: 'b' is not the name in the address, a")]
    [InlineData("a", """{"silent":"1h","silent":"2h"}""", "the rule is not a JSON object: ")]
    [InlineData("a", """{"silent":""", "the rule is not a JSON object: ")]
    [InlineData("a", "[1]", "the rule is not a JSON object")]
    [InlineData("a", """{"silent":"1h","summary":"\ud800"}""", "the rule is not a JSON object: ")]
    [InlineData("a", """{"silent":"1h","name":"\ud800"}""", "the rule is not a JSON object: ")]
    [InlineData("a", """{"silent":"1h","summary":"\u0000"}""", "summary: it is longer than 500 characters, or has control characters")]
    [InlineData("a", """{"silent":"1h","sensors":{"x":1}}""", "sensors:x: there is no such member of a rule")]
    [InlineData("a", """{"silent":"1h","notify":"http://x"}""", "notify: there is no receiver 'http://x'; there are ops, none")]
    [InlineData("marker", """{"silent":"1h"}""", "the rule 'marker' is configured: change it there")]
    public async Task What_is_no_rule_is_refused_in_one_line(string name, string json, string error)
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook));
        using var answer = await server.PutRuleAsync(name, json);
        Assert.StartsWith(error, (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer))["error"]!.GetValue<string>());
        Assert.Single((await server.GetAsync("/api/alerts/rules"))["rules"]!.AsArray());
    }

    [Fact]
    public async Task Other_requests_that_cannot_be_answered_say_why()
    {
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(null));
        foreach (var (query, error) in ((string, string)[])
        [
            ("state=late", "state 'late' is not firing or pending"),
            ("sensors=a,,b", "sensors 'a,,b' is not a list such as kitchen,hall-* or *: sensor_id is missing or empty"),
            ("limit=0", "limit 0 is not 1 to 100000"),
            ("rules=a", "there is no query parameter 'rules'; there are state, rule, sensors, limit"),
        ])
        {
            using var answer = await server.Client.GetAsync($"/api/alerts?{query}");
            Assert.Equal(error, (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer))["error"]!.GetValue<string>());
        }

        using var plain = await server.Client.PutAsync("/api/alerts/rules/a", new StringContent("{\"silent\":\"1h\"}"));
        await RunningServer.ProblemAsync(HttpStatusCode.UnsupportedMediaType, plain);
        foreach (var name in (string[])["none", "%2F"])
        {
            using var none = await server.Client.DeleteAsync($"/api/alerts/rules/{name}");
            await RunningServer.ProblemAsync(HttpStatusCode.NotFound, none);
        }

        using var nobody = await server.Client.PostAsJsonAsync("/api/alerts/test", new { receiver = "ops" });
        Assert.Equal(
            "there is no receiver 'ops'; the configuration has none",
            (await RunningServer.ProblemAsync(HttpStatusCode.NotFound, nobody))["error"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_receiver_can_be_tried_out()
    {
        await using var webhook = await WebhookListener.StartAsync();
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook));
        Assert.Equal("""{"delivered":true,"error":null}""", await TestAsync());
        Assert.Equal("alert.test", webhook.Taken[0].Body["type"]!.GetValue<string>());
        webhook.Status = HttpStatusCode.Forbidden;
        Assert.Equal("""{"delivered":false,"error":"answered 403"}""", await TestAsync());

        async Task<string> TestAsync()
        {
            using var answer = await server.Client.PostAsJsonAsync("/api/alerts/test", new { receiver = "ops" });
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task Whoever_reads_sees_alerts_and_an_admin_alone_changes_rules()
    {
        var file = Path.Combine(_folder, "keys.json");
        var now = Instant.Utc(2026, 11, 22);
        var (reader, admin) = (new KeyFile(file).Add("reader", [Scope.Read], now), new KeyFile(file).Add("admin", [Scope.Admin], now));
        var writer = new KeyFile(file).Add("writer", [Scope.Write], now);
        await using var server = await AlertServer.StartAsync([.. AlertServer.Settings(null), ("server:keys", file)]);
        async Task<HttpStatusCode> AskAsync(string? key, HttpMethod method, string path)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
            request.Content = method == HttpMethod.Get ? null : JsonContent.Create(new JsonObject { ["silent"] = "1h" });
            using var answer = await server.Client.SendAsync(request);
            return answer.StatusCode;
        }

        foreach (var path in (string[])["/api/alerts", "/api/alerts/rules"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(null, HttpMethod.Get, path));
            Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(writer, HttpMethod.Get, path));
            Assert.Equal(HttpStatusCode.OK, await AskAsync(reader, HttpMethod.Get, path));
        }

        foreach (var key in (string[])[reader, writer])
        {
            Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(key, HttpMethod.Put, "/api/alerts/rules/a"));
            Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(key, HttpMethod.Delete, "/api/alerts/rules/a"));
            Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(key, HttpMethod.Post, "/api/alerts/test"));
        }

        Assert.Equal(HttpStatusCode.OK, await AskAsync(admin, HttpMethod.Put, "/api/alerts/rules/a"));
    }
}
