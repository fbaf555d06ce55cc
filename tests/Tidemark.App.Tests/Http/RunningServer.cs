using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Server.Hosting;
using Tidemark.Server.Remote;

namespace Tidemark.App.Tests.Http;

/// <summary>
/// A real server on a real store in a folder of its own, on a port from the system. Its clock stands at 2026-11-22T10:30:00Z.
/// </summary>
public sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string? _folder;

    private RunningServer(WebApplication app, string? folder, ITelemetryStore store, FakeTimeProvider clock)
    {
        (_app, _folder, Store, Clock) = (app, folder, store, clock);
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public HttpClient Client { get; }

    public ITelemetryStore Store { get; }

    public FakeTimeProvider Clock { get; }

    public Uri Address => Client.BaseAddress!;

    public WebApplication App => _app;

    public static async Task<RunningServer> StartAsync(params (string Key, string Value)[] settings)
    {
        var options = Options(settings);
        var folder = Directory.CreateTempSubdirectory("tidemark-http-").FullName;
        var clock = NewClock();
        var store = await DuckDbStore.OpenAsync(
            new DuckDbOptions
            {
                Folder = folder,
                Schema = options.Schema,
                Retention = options.Retention,
                RealTime = options.RealTime,
                MaxSensors = options.MaxSensors,
                Clock = clock
            }, CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        return new RunningServer(await StartAsync(options, store, clock), folder, store, clock);
    }

    /// <summary>A second server whose store is this one: what it says when its store goes away is no make-believe.</summary>
    public Task<RunningServer> StartBehindAsync(params (string Key, string Value)[] settings) => StartBehindAsync(Address, settings);

    /// <summary>A server whose store is the one at an address.</summary>
    public static async Task<RunningServer> StartBehindAsync(Uri address, params (string Key, string Value)[] settings)
    {
        var clock = NewClock();
        var store = await HttpTelemetryStore.ConnectAsync(address, null, CancellationToken.None);
        return new RunningServer(await StartAsync(Options(settings), store, clock), null, store, clock);
    }

    /// <summary>Stops at once and breaks every connection, the last of them soon after.</summary>
    public Task AbortAsync() => _app.StopAsync(new CancellationToken(canceled: true));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Store.DisposeAsync();
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static FakeTimeProvider NewClock() => new(new DateTimeOffset(2026, 11, 22, 10, 30, 0, TimeSpan.Zero));

    private static TidemarkOptions Options((string Key, string Value)[] settings) => OptionsLoader.Load(null, [
        new("server:urls", "http://127.0.0.1:0"),
        .. settings.Select(s => new KeyValuePair<string, string?>(s.Key, s.Value)),
    ]);

    private static async Task<WebApplication> StartAsync(TidemarkOptions options, ITelemetryStore store, FakeTimeProvider clock)
    {
        var app = TidemarkServer.Create(options, store, clock);
        await app.StartAsync();
        return app;
    }

    public async Task<JsonNode> GetAsync(string path)
    {
        using var answer = await Client.GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {(int)answer.StatusCode} {text}");
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        return JsonNode.Parse(text)!;
    }

    /// <summary>Expects problem details and gives their one line.</summary>
    public async Task<string> RefusedAsync(HttpStatusCode status, HttpRequestMessage request)
    {
        using var answer = await Client.SendAsync(request);
        return (await ProblemAsync(status, answer))["error"]!.GetValue<string>();
    }

    public Task<string> RefusedAsync(HttpStatusCode status, string path)
        => RefusedAsync(status, new HttpRequestMessage(HttpMethod.Get, path));

    public static async Task<JsonNode> ProblemAsync(HttpStatusCode status, HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == status, $"expected {(int)status}, got {(int)answer.StatusCode} {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(text)!;
        Assert.Equal((int)status, problem["status"]!.GetValue<int>());
        Assert.Equal(problem["detail"]!.GetValue<string>(), problem["error"]!.GetValue<string>());
        Assert.NotEmpty(problem["errors"]!.AsArray());
        Assert.DoesNotContain("\n", problem["error"]!.GetValue<string>());
        return problem;
    }

    public Task<HttpResponseMessage> PostAsync(string body, string contentType = "application/json", string path = "/api/readings")
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        return Client.PostAsync(path, content);
    }

    /// <summary>Expects 200.</summary>
    public async Task<JsonNode> WriteAsync(string body, string contentType = "application/json")
    {
        using var answer = await PostAsync(body, contentType);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    public async Task RefreshAsync()
    {
        foreach (var aggregate in Store.Schema.Aggregates)
        {
            await Store.RefreshAsync(aggregate.Name, null, null, CancellationToken.None);
        }
    }
}
