using System.Net;
using System.Text.Json.Nodes;
using Tidemark.App.Tests.Cli;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Alerts;

/// <summary>Processes that are killed: nothing that was acknowledged goes unseen, and nothing is told as two.</summary>
public sealed class AlertKillTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Configure(WebhookListener webhook) => _folder.Write("tidemark.json", $$"""
        {
          "alerts": {
            "rules": [{ "name": "too_hot", "metric": "temperature", "above": 30 }],
            "webhooks": [{ "name": "ops", "url": "{{webhook.Url}}", "secret": "{{AlertServer.Secret}}" }]
          }
        }
        """);

    [Fact]
    public async Task What_was_not_delivered_before_a_kill_is_delivered_after_it_under_its_id()
    {
        await using var webhook = await WebhookListener.StartAsync();
        Configure(webhook);
        webhook.Status = HttpStatusCode.ServiceUnavailable;
        var server = await _folder.ServeAsync();
        await WriteAsync(server, DateTimeOffset.UtcNow.AddMinutes(-2), 31);
        await Until.TrueAsync(() => webhook.All.Count == 1);
        await server.KillAsync();
        webhook.Status = HttpStatusCode.OK;
        server = await _folder.ServeAsync();
        await webhook.TakenAsync(1);
        Assert.Equal(webhook.All[0].Id, webhook.Taken[0].Id);

        // Its alert goes on, and what was delivered is not sent again.
        await Until.TrueAsync(async () => $"{(await StatusAsync(server))["receivers"]![0]!["waiting"]}" == "0");
        await server.KillAsync();
        server = await _folder.ServeAsync();
        Assert.Matches("(?m)^too_hot +a +firing ", await _folder.SucceedAsync("alert", "list"));
        await WriteAsync(server, DateTimeOffset.UtcNow.AddMinutes(-1), 20);
        Assert.Equal(["alert.firing too_hot a", "alert.resolved too_hot a"], await webhook.TakenAsync(2));
    }

    [Fact]
    public async Task Killed_again_and_again_it_tells_every_change_and_none_that_was_none()
    {
        TestLength.SkipUnlessShare();
        await using var webhook = await WebhookListener.StartAsync();
        Configure(webhook);
        var random = new Random(7);
        var time = DateTimeOffset.UtcNow.AddHours(-2);
        for (var round = 0; round < 4; round++)
        {
            var server = await _folder.ServeAsync();
            var kill = Task.Delay(random.Next(200, 1500)).ContinueWith(_ => server.KillAsync(), TaskScheduler.Default).Unwrap();
            try
            {
                for (; ; time += TimeSpan.FromSeconds(1))
                {
                    await WriteAsync(server, time, random.Next(2) == 0 ? 31 : 20);
                }
            }
            catch (HttpRequestException)
            {
                // It is gone; what it had committed without saying so is there all the same.
                await kill;
                time += TimeSpan.FromSeconds(1);
            }
        }

        var last = await _folder.ServeAsync();
        await WriteAsync(last, time, 31);
        await WriteAsync(last, time + TimeSpan.FromSeconds(1), 20);
        var raw = await GetAsync(last, "/api/sensors/a/raw?period=1d");
        var hot = raw["data"]!.AsArray().Select(r => r!["temperature"]!.GetValue<double>() > 30).Prepend(false).ToList();
        var flips = hot.Zip(hot.Skip(1)).Count(pair => pair.First != pair.Second);
        await Until.TrueAsync(() => Told().Count >= flips, () => $"{Told().Count} of {flips}");
        Assert.Equal(
            Enumerable.Range(0, flips).Select(i => i % 2 == 0 ? "alert.firing too_hot a" : "alert.resolved too_hot a"), Told());

        // A change that was sent twice, since the process was killed between sending and noting it, has one id.
        List<string> Told() => [.. webhook.Taken.DistinctBy(w => w.Id).OrderBy(w => w.Id, StringComparer.Ordinal).Select(w => w.Line)];
    }

    private static async Task WriteAsync(CliProcess server, DateTimeOffset time, double temperature)
    {
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        var reading = new JsonObject { ["sensor_id"] = "a", ["time"] = Instant.From(time).ToString(), ["temperature"] = temperature };
        using var answer = await http.PostAsync("/api/readings", new StringContent(reading.ToJsonString(), null, "application/json"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<JsonNode> StatusAsync(CliProcess server) => (await GetAsync(server, "/api/status"))["alerts"]!;

    private static async Task<JsonNode> GetAsync(CliProcess server, string path)
    {
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        return JsonNode.Parse(await http.GetStringAsync(path))!;
    }
}
