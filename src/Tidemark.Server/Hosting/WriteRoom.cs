using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Tidemark.Configuration;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>
/// Memory for what came over HTTP and is not durable yet. Little needs none, so that small writes never wait for large ones; the others
/// wait in order, and beyond those that may wait they are answered 503.
/// </summary>
internal sealed class WriteRoom(ServerOptions options) : IDisposable
{
    /// <summary>So many bytes of a body, or of a batch, need no room.</summary>
    public const int Free = 64 << 10;

    // What the limiter counts, since its numbers are small.
    private const int Unit = 1 << 10;

    private readonly ConcurrencyLimiter _limiter = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = Units(options.WriteMemory),
        QueueLimit = int.MaxValue,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    private int _waiting;

    /// <summary>For a body that is held as a whole: as much as it says, or may have.</summary>
    public RoomShare ForBody(HttpRequest request) => new(this, request.ContentLength ?? options.MaxBody);

    /// <summary>For one batch after the other.</summary>
    /// <param name="values">The most values of a batch.</param>
    public RoomShare ForBatches(long values) => new(this, values * sizeof(double));

    /// <param name="bytes">What is more than there is in all counts as all.</param>
    /// <param name="cancellationToken">Gives up the place in the line.</param>
    /// <exception cref="RequestException">503: too many wait.</exception>
    internal async ValueTask<RateLimitLease> TakeAsync(long bytes, CancellationToken cancellationToken)
    {
        var units = Units(Math.Min(bytes, options.WriteMemory));
        var lease = _limiter.AttemptAcquire(units);
        if (lease.IsAcquired)
        {
            return lease;
        }

        try
        {
            return Interlocked.Increment(ref _waiting) <= options.WaitingWrites
                ? await _limiter.AcquireAsync(units, cancellationToken)
                : throw new RequestException(
                    ["too much is written at once: try again soon, or raise server:write_memory or server:waiting_writes"],
                    StatusCodes.Status503ServiceUnavailable);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    public void Dispose() => _limiter.Dispose();

    private static int Units(long bytes) => (int)Math.Clamp(bytes / Unit, 1, int.MaxValue);
}

/// <summary>What one request holds of the room.</summary>
internal sealed class RoomShare(WriteRoom room, long bytes) : IDisposable
{
    private RateLimitLease? _lease;

    public bool IsTaken => _lease is not null;

    public async ValueTask TakeAsync(CancellationToken cancellationToken) => _lease ??= await room.TakeAsync(bytes, cancellationToken);

    /// <summary>Hands it to whoever writes what it is for, and gives it back then.</summary>
    public IDisposable? Detach() => Interlocked.Exchange(ref _lease, null);

    public void Dispose() => Detach()?.Dispose();
}
