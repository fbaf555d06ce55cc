using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tidemark.Configuration;

namespace Tidemark.Server.Alerts;

/// <summary>
/// Evaluates rules of committed readings, for as long as this server has the right to: one term after the other. It never holds up a
/// write: it listens to commits, and what it finds is kept with the store before anybody is told.
/// </summary>
internal sealed partial class AlertEvaluator(
    TidemarkOptions options, ITelemetryStore store, AlertReceivers receivers, AlertCounts counts, TimeProvider clock,
    ILogger<AlertEvaluator> logger)
    : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly AlertLease _lease = new(store, isAlone: options.Store.Kind == StoreKind.DuckDb, clock);
    private volatile TaskCompletionSource _woken = NewSignal();

    /// <summary>Has it look at once for other rules.</summary>
    public void Wake() => Interlocked.Exchange(ref _woken!, NewSignal()).TrySetResult();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var woken = _woken.Task;
                await TryTermAsync(stoppingToken);
                await Task.WhenAny(woken, Task.Delay(Pause, clock, stoppingToken));
                stoppingToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host takes it for a failure when it stops before it has started.
        }
    }

    private async Task TryTermAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (await HasWorkAsync(stoppingToken) && await _lease.TakeAsync(stoppingToken))
            {
                await RunTermAsync(stoppingToken);
            }

            counts.Fail(null);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            if (counts.Status.Error is null)
            {
                LogFailed(e is StoreException ? e.Message : e.ToString());
            }

            counts.Fail(e.Message.ReplaceLineEndings(" "));
        }
    }

    private async Task<bool> HasWorkAsync(CancellationToken cancellationToken)
        => options.Alerts.Rules.Count > 0 || (await store.ReadDocumentsAsync("alerts/", "", 1, cancellationToken)).Count > 0;

    private async Task RunTermAsync(CancellationToken stoppingToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        await using var term = new AlertTerm(options.Alerts, store, _lease, receivers, counts, clock);
        var (evaluating, delivering) = (Task.CompletedTask, Task.CompletedTask);
        try
        {
            await term.BeginAsync(over.Token);
            (evaluating, delivering) = (term.RunAsync(() => _woken.Task, over.Token), receivers.DeliverAsync(over.Token));
            await await Task.WhenAny(evaluating, delivering);
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll(evaluating, delivering).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            counts.End();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(EventId = 500, Level = LogLevel.Warning, Message = "alerts are not evaluated until that is over: {Error}")]
    private partial void LogFailed(string error);
}
