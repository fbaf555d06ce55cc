using Microsoft.Extensions.Hosting;
using Tidemark.Configuration;

namespace Tidemark.Server.Hosting;

/// <summary>
/// What a server does first when it is told to stop: it says that it isn't ready, and answers on until load balancers have noticed.
/// </summary>
internal sealed class Draining(ServerOptions options, TimeProvider clock) : IHostedLifecycleService
{
    private volatile bool _hasBegun;

    public bool HasBegun => _hasBegun;

    /// <summary>Runs before anything of the host stops.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _hasBegun = true;
        if (options.Drain is { } drain)
        {
            await Task.Delay(drain, clock, cancellationToken);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
