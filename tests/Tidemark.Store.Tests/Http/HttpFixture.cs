using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Remote;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Store.Tests.DuckDb;

namespace Tidemark.Store.Tests.Http;

/// <summary>The embedded engine behind a real server on a port from the system, used through the HTTP client.</summary>
internal sealed class HttpFixture : IStoreFixture
{
    private readonly DuckDbFixture _engine = new();
    private ITelemetryStore? _store;
    private WebApplication? _server;

    public FakeTimeProvider Clock => _engine.Clock;

    public bool SharesChunks => _engine.SharesChunks;

    public async Task<ITelemetryStore> OpenAsync(StoreSettings settings, CancellationToken cancellationToken)
    {
        await CloseAsync();
        var options = OptionsLoader.Load(null, [
            new("server:urls", "http://127.0.0.1:0"),
            new("schedule:refresh", "never"), new("schedule:compress", "never"), new("schedule:retain", "never"),
        ]) with
        {
            // The suites begin in 1970 and write of all times.
            MaxSkew = TimeSpan.FromDays(2_900_000),
            OldestTime = Instant.MinValue,
        };
        var store = await _engine.OpenAsync(settings, cancellationToken);
        _server = TidemarkServer.Create(options, store, Clock);
        await _server.StartAsync(cancellationToken);
        _store = await HttpTelemetryStore.ConnectAsync(new Uri(_server.Urls.Single()), null, cancellationToken);
        await _store.InitializeAsync(cancellationToken);
        return _store;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await _engine.DisposeAsync();
    }

    private async Task CloseAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
            await _server!.StopAsync();
            await _server.DisposeAsync();
            _store = null;
        }
    }
}
