using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Store.Tests.Timescale;
using Tidemark.Timescale;

namespace Tidemark.App.Tests.Alerts;

/// <summary>Several servers on one TimescaleDB: one of them evaluates, and another goes on when it is gone.</summary>
public sealed class SharedDatabaseTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 22, 10, 0, 0, TimeSpan.Zero));
    private readonly List<Node> _nodes = [];
    private TimescaleDatabase _database = null!;

    private sealed record Node(WebApplication App, ITelemetryStore Store, HttpClient Client);

    public async ValueTask InitializeAsync() => _database = await TimescaleDatabase.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes.ToList())
        {
            await StopAsync(node);
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    [Fact]
    public async Task One_evaluates_and_another_goes_on_when_it_stops_or_is_gone()
    {
        await using var webhook = await WebhookListener.StartAsync();
        var first = await StartAsync(webhook);
        await Until.TrueAsync(() => IsEvaluatingAsync(first));
        var second = await StartAsync(webhook);
        await WriteAsync(first, "09:00:00", 31);
        Assert.Equal(["alert.firing too_hot a"], await webhook.TakenAsync(1));
        Assert.False(await IsEvaluatingAsync(second));

        // Whoever is asked says the same.
        Assert.Equal("a", (await GetAsync(second, "/api/alerts"))["alerts"]![0]!["sensor_id"]!.GetValue<string>());
        Assert.Equal("1", $"{(await GetAsync(second, "/api/status"))["alerts"]!["firing"]}");

        await StopAsync(first);
        await PassUntilAsync(() => IsEvaluatingAsync(second));
        await WriteAsync(second, "09:01:00", 20);
        Assert.Equal(["alert.firing too_hot a", "alert.resolved too_hot a"], await webhook.TakenAsync(2));

        // What it hasn't noted as delivered would come again, under its id.
        await Until.TrueAsync(async ()
            => (await second.Store.ReadDocumentsAsync("alerts/outbox/", "", 1, CancellationToken.None)).Count == 0);

        // One that is gone without a word has its right for half a minute.
        await second.Store.DisposeAsync();
        var third = await StartAsync(webhook);
        Assert.False(await IsEvaluatingAsync(third));
        await WriteAsync(third, "09:02:00", 31);
        await PassUntilAsync(() => IsEvaluatingAsync(third));
        Assert.Equal("alert.firing too_hot a", (await webhook.TakenAsync(3))[2]);
        Assert.Equal(3, webhook.All.Count);
    }

    private async Task<Node> StartAsync(WebhookListener webhook)
    {
        var options = OptionsLoader.Load(null, [
            new("server:urls", "http://127.0.0.1:0"), new("store", "postgresql://tidemark@127.0.0.1/tidemark"),
            new("maintenance", "external"),
            .. AlertServer.Settings(webhook, "name=too_hot sensors=a metric=temperature above=30")
                .Select(s => new KeyValuePair<string, string?>(s.Key, s.Value)),
        ]);
        var store = await TimescaleStore.OpenAsync(
            new TimescaleOptions { Connection = _database.ConnectionString, Schema = options.Schema, Maintenance = options.Maintenance },
            CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        var app = TidemarkServer.Create(options, store, _clock);
        await app.StartAsync();
        var node = new Node(app, store, new HttpClient { BaseAddress = new Uri(app.Urls.Single()) });
        _nodes.Add(node);
        return node;
    }

    private async Task StopAsync(Node node)
    {
        _nodes.Remove(node);
        node.Client.Dispose();
        await node.App.StopAsync();
        await node.App.DisposeAsync();
        await node.Store.DisposeAsync();
    }

    private async Task PassUntilAsync(Func<Task<bool>> condition) => await Until.TrueAsync(async () =>
    {
        _clock.Advance(TimeSpan.FromSeconds(1));
        await Task.Delay(20);
        return await condition();
    });

    private static async Task<bool> IsEvaluatingAsync(Node node)
        => (await GetAsync(node, "/api/status"))["alerts"]!["evaluating"]!.GetValue<bool>();

    private static async Task<JsonNode> GetAsync(Node node, string path)
    {
        using var answer = await node.Client.GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    private static async Task WriteAsync(Node node, string time, double temperature)
    {
        using var answer = await node.Client.PostAsJsonAsync(
            "/api/readings", new { sensor_id = "a", time = $"2026-11-22T{time}Z", temperature });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }
}
