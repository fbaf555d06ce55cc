using System.Runtime.CompilerServices;

namespace Tidemark.Series;

/// <summary>A stream whose first item was asked for: what is wrong with it is known before anything of it is used.</summary>
internal sealed class OpenBatches<T> : IAsyncDisposable
    where T : class
{
    private readonly IAsyncEnumerator<T> _batches;
    private bool _hasNext;

    private OpenBatches(IAsyncEnumerator<T> batches) => _batches = batches;

    public static async Task<OpenBatches<T>> OpenAsync(IAsyncEnumerable<T> batches, CancellationToken cancellationToken)
    {
        var open = new OpenBatches<T>(batches.GetAsyncEnumerator(cancellationToken));
        try
        {
            open._hasNext = await open._batches.MoveNextAsync();
            return open;
        }
        catch
        {
            await open.DisposeAsync();
            throw;
        }
    }

    /// <summary>All of it, once.</summary>
    public async IAsyncEnumerable<T> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (; _hasNext; _hasNext = await _batches.MoveNextAsync())
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return _batches.Current;
        }
    }

    public ValueTask DisposeAsync() => _batches.DisposeAsync();
}
