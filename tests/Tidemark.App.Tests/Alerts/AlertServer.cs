using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Server.Hosting;

namespace Tidemark.App.Tests.Alerts;

/// <summary>
/// A server on an embedded store that can be stopped and started again, with a clock that goes as the test says, from 2026-11-22T10:00:00Z
/// on.
/// A rule <c>marker</c> fires for the sensor of that name: once its alert is there, what was written before has been looked at.
/// </summary>
internal sealed class AlertServer : IAsyncDisposable
{
    public const string Secret = "whsec_dGlkZW1hcmsgdGlkZW1hcmsgdGlkZW1hcms=";

    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-alerts-").FullName;
    private readonly List<(string Key, string Value)> _settings;
    private WebApplication? _app;
    private ITelemetryStore? _store;
    private int _markers;

    private AlertServer(IEnumerable<(string Key, string Value)> settings) => _settings = [.. settings];

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 22, 10, 0, 0, TimeSpan.Zero));

    public HttpClient Client { get; private set; } = null!;

    public ITelemetryStore Store => _store!;

    public WebApplication App => _app!;

    public static async Task<AlertServer> StartAsync(params (string Key, string Value)[] settings)
    {
        var server = new AlertServer(settings);
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Settings of rules and of a webhook.</summary>
    public static (string Key, string Value)[] Settings(WebhookListener? webhook, params string[] rules)
    {
        var settings = new List<(string, string)>();
        string[] all = [.. rules, "name=marker sensors=marker metric=marker above=0 notify=none"];
        foreach (var (index, rule) in all.Index())
        {
            settings.AddRange(rule.Split(' ').Select(m => m.Split('=')).Select(m => ($"alerts:rules:{index}:{m[0]}", m[1])));
        }

        return webhook is null ? [.. settings] :
        [
            .. settings, ("alerts:webhooks:0:name", "ops"), ("alerts:webhooks:0:url", webhook.Url), ("alerts:webhooks:0:secret", Secret),
        ];
    }

    /// <summary>With other settings, if given.</summary>
    public async Task StartAgainAsync(params (string Key, string Value)[] settings)
    {
        var options = OptionsLoader.Load(null, [
            new("server:urls", "http://127.0.0.1:0"),
            new("schedule:refresh", "never"),
            new("schedule:compress", "never"),
            new("schedule:retain", "never"),
            .. (settings.Length == 0 ? _settings : [.. settings]).Select(s => new KeyValuePair<string, string?>(s.Key, s.Value)),
        ]);
        _store = await OpenAsync(options);
        _app = TidemarkServer.Create(options, _store, Clock);
        await _app.StartAsync();
        Client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
    }

    /// <summary>Waits until what was sent is noted as delivered: until then it would come again, under its id.</summary>
    public Task DeliveredAsync() => Until.TrueAsync(async ()
        => (await Store.ReadDocumentsAsync("alerts/outbox/", "", 1, CancellationToken.None)).Count == 0);

    public async Task StopAsync()
    {
        if (_app is not null)
        {
            Client.Dispose();
            await _app.StopAsync();
            await _app.DisposeAsync();
            await _store!.DisposeAsync();
            _app = null;
        }
    }

    /// <summary>Writes while no server runs.</summary>
    public async Task WriteBesideAsync(string sensor, string time, double temperature)
    {
        await using var store = await OpenAsync(OptionsLoader.Load(null, []));
        var batch = new ReadingBatch(["temperature"]);
        batch.Add(sensor, At(time), [temperature]);
        await store.WriteAsync(batch, CancellationToken.None);
    }

    /// <summary>Writes a temperature at a time of day.</summary>
    public Task WriteAsync(string sensor, string time, double temperature) => PostAsync(
        "/api/readings", new JsonObject { ["sensor_id"] = sensor, ["time"] = At(time).ToString(), ["temperature"] = temperature });

    /// <summary>Waits until everything that was written has been looked at.</summary>
    public async Task SettleAsync()
    {
        // It fires at the first, is resolved at the next, and so on.
        var value = _markers++ % 2 == 0 ? 1 : 0;
        await PostAsync(
            "/api/readings",
            new JsonObject
            {
                ["sensor_id"] = "marker",
                ["time"] = (Instant.From(Clock.GetUtcNow()) - TimeSpan.FromHours(1)
                + TimeSpan.FromMilliseconds(_markers)).ToString(),
                ["marker"] = value
            });
        await Until.TrueAsync(async () => (await AlertsAsync("rule=marker")).Length == value);
    }

    /// <summary>Lets time pass, in steps that leave room for what is due.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        var step = TimeSpan.FromSeconds(Math.Max(1, time.TotalSeconds / 400));
        for (var passed = TimeSpan.Zero; passed < time; passed += step)
        {
            Clock.Advance(step);
            await Task.Delay(5);
        }
    }

    /// <summary>Such as <c>too_hot a firing</c>.</summary>
    public async Task<string[]> AlertsAsync(string query = "") => [.. (await GetAsync($"/api/alerts?{query}"))["alerts"]!.AsArray()
        .Select(a => $"{a!["rule"]} {a["sensor_id"]} {a["state"]}")];

    /// <summary>The same without the marker.</summary>
    public async Task<string> ActiveAsync()
    {
        await SettleAsync();
        return string.Join("; ", (await AlertsAsync()).Where(a => !a.StartsWith("marker", StringComparison.Ordinal)));
    }

    public async Task<JsonNode> StatusAsync() => (await GetAsync("/api/status"))["alerts"]!;

    public async Task<JsonNode> GetAsync(string path)
    {
        using var answer = await Client.GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    public async Task PostAsync(string path, JsonNode body)
    {
        using var answer = await Client.PostAsJsonAsync(path, body);
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    public Task<HttpResponseMessage> PutRuleAsync(string name, string json)
        => Client.PutAsync($"/api/alerts/rules/{name}", new StringContent(json, Encoding.UTF8, "application/json"));

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static Instant At(string time)
        => Instant.TryParse($"2026-11-22T{time}Z", out var instant) ? instant : throw new FormatException(time);

    private async Task<ITelemetryStore> OpenAsync(TidemarkOptions options)
    {
        var store = await DuckDbStore.OpenAsync(
            new DuckDbOptions { Folder = _folder, Schema = options.Schema, Clock = Clock }, CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        return store;
    }
}
