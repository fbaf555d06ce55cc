namespace Tidemark.Server.Hosting;

/// <summary>Waiting for a time of a clock that may be put right meanwhile, which moves no timer.</summary>
public static class ClockWait
{
    // Timers hold no waits of months.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    // The clock is looked at so often.
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(10);

    /// <summary>Waits for a time of the clock, or until the clock is to be looked at again.</summary>
    public static async Task UntilAsync(Instant time, TimeProvider clock, CancellationToken cancellationToken)
    {
        var wait = time - Instant.From(clock.GetUtcNow());
        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        over.CancelAfter(Look);
        await Task.Delay(wait < Longest ? wait : Longest, clock, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
