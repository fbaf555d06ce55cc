using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A store behind a real server on a port from the system, without a schedule unless one is given.</summary>
internal sealed class ServedStore : IAsyncDisposable
{
    private readonly WebApplication _server;

    private ServedStore(ITelemetryStore store, WebApplication server)
    {
        (Store, _server) = (store, server);
        Client = new HttpClient { BaseAddress = new Uri(server.Urls.Single()), Timeout = TimeSpan.FromMinutes(2) };
    }

    public ITelemetryStore Store { get; }

    public HttpClient Client { get; }

    /// <param name="store">Open; disposed with this.</param>
    /// <param name="clock">The server's.</param>
    /// <param name="settings">The configuration beside the address.</param>
    public static async Task<ServedStore> StartAsync(
        ITelemetryStore store,
        TimeProvider clock,
        params KeyValuePair<string, string?>[] settings)
    {
        await store.InitializeAsync(CancellationToken.None);
        var options = OptionsLoader.Load(null, new Dictionary<string, string?>
        {
            ["server:urls"] = "http://127.0.0.1:0",
            ["schedule:refresh"] = "never",
            ["schedule:compress"] = "never",
            ["schedule:retain"] = "never",
        }.Concat(settings).GroupBy(s => s.Key, (_, values) => values.Last()));
        var server = TidemarkServer.Create(options, store, clock);
        await server.StartAsync();
        return new ServedStore(store, server);
    }

    /// <returns>The status and the answer.</returns>
    public async Task<(int Status, JsonNode Body)> GetAsync(string path)
    {
        using var answer = await Client.GetAsync(path);
        return ((int)answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.StopAsync();
        await _server.DisposeAsync();
        await Store.DisposeAsync();
    }
}
