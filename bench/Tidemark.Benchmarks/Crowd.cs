using System.Diagnostics;
using System.Text;

namespace Tidemark.Benchmarks;

/// <summary>Clients that ask for one large answer at once.</summary>
internal sealed class Crowd(Uri url, string path)
{
    public const int Readers = 12;

    private const int SlowBytesPerSecond = 200_000;

    // A whole answer would take them minutes: they hang up before.
    private static readonly TimeSpan SlowFor = TimeSpan.FromSeconds(60);

    /// <summary>Each reads as fast as it can, to the end.</summary>
    /// <returns>What they got.</returns>
    public static async Task<string> Fast(Crowd crowd, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var sizes = await TogetherAsync(crowd.ReadWholeAsync, cancellationToken);
        return $"{Figure.Text(sizes.Average() / 1e6, "MB")} each in {Figure.Text(watch.Elapsed.TotalSeconds, "s")}";
    }

    /// <summary>Each reads 200 kB a second for a minute, then hangs up.</summary>
    /// <inheritdoc cref="Fast"/>
    public static async Task<string> Slow(Crowd crowd, CancellationToken cancellationToken)
    {
        var sizes = await TogetherAsync(crowd.ReadSlowlyAsync, cancellationToken);
        return $"{Figure.Text(sizes.Average() / 1e6, "MB")} each in {Figure.Text(SlowFor.TotalSeconds, "s")}";
    }

    public Task FirstByteAsync(CancellationToken cancellationToken)
        => AnswerAsync(async stream => await stream.ReadExactlyAsync(new byte[1], cancellationToken), cancellationToken);

    private static Task<long[]> TogetherAsync(Func<CancellationToken, Task<long>> read, CancellationToken cancellationToken)
        => Task.WhenAll(Enumerable.Range(0, Readers).Select(_ => Task.Run(() => read(cancellationToken), cancellationToken)));

    private async Task<long> ReadWholeAsync(CancellationToken cancellationToken)
    {
        var (size, end) = (0L, "");
        await AnswerAsync(
            async stream =>
            {
                var buffer = new byte[64 << 10];
                for (int read; (read = await stream.ReadAsync(buffer, cancellationToken)) > 0; size += read)
                {
                    end += Encoding.ASCII.GetString(buffer, 0, read);
                    end = end[^Math.Min(end.Length, 200)..];
                }
            },
            cancellationToken);

        // What breaks off has no such end.
        return end.Contains("\"data_points\":", StringComparison.Ordinal)
            ? size
            : throw new InvalidOperationException($"{path} ends with {end}");
    }

    private async Task<long> ReadSlowlyAsync(CancellationToken cancellationToken)
    {
        var size = 0L;
        await AnswerAsync(
            async stream =>
            {
                var buffer = new byte[SlowBytesPerSecond / 10];
                for (var watch = Stopwatch.StartNew(); watch.Elapsed < SlowFor;)
                {
                    await stream.ReadExactlyAsync(buffer, cancellationToken);
                    size += buffer.Length;
                    var ahead = TimeSpan.FromSeconds((double)size / SlowBytesPerSecond) - watch.Elapsed;
                    await Task.Delay(ahead > TimeSpan.Zero ? ahead : TimeSpan.Zero, cancellationToken);
                }
            },
            cancellationToken);
        return size;
    }

    /// <summary>On a connection of its own, which is broken off when the answer isn't read to its end.</summary>
    private async Task AnswerAsync(Func<Stream, Task> read, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = url, Timeout = Timeout.InfiniteTimeSpan };
        using var answer = await client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        answer.EnsureSuccessStatusCode();
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        await read(stream);
    }
}
