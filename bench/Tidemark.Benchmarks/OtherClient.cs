using System.Diagnostics;

namespace Tidemark.Benchmarks;

/// <summary>Somebody who asks a small question every 20 ms while others ask large ones.</summary>
internal sealed class OtherClient(Uri url, string path) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly HttpClient _client = new() { BaseAddress = url };
    private readonly CancellationTokenSource _stop = new();
    private Task<List<double>> _waits = Task.FromResult(new List<double>());

    public async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 200; i++)
        {
            await _client.GetByteArrayAsync(path, cancellationToken);
        }
    }

    public void Start(CancellationToken cancellationToken) => _waits = Task.Run(() => AskAsync(cancellationToken), cancellationToken);

    /// <returns>How long each answer took.</returns>
    public async Task<Samples> StopAsync()
    {
        await _stop.CancelAsync();
        return new Samples(await _waits);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _client.Dispose();
    }

    private async Task<List<double>> AskAsync(CancellationToken cancellationToken)
    {
        var waits = new List<double>();
        while (!_stop.IsCancellationRequested)
        {
            var started = Stopwatch.GetTimestamp();
            await _client.GetByteArrayAsync(path, cancellationToken);
            waits.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            await Task.Delay(Pause, cancellationToken);
        }

        return waits;
    }
}
