using System.Globalization;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>
/// Bodies by number: number N of a seed is the same in each run. All ways in together get 20,000 for a share and a million in full;
/// <c>TIDEMARK_TEST_SEED</c> names another seed than 1.
/// </summary>
/// <param name="way">Of the bodies, for whoever reads of a failure.</param>
/// <param name="share">How many of the 20,000.</param>
internal sealed class FuzzRun(string way, int share)
{
    private const int Full = 50;

    private static readonly int Seed = int.TryParse(
        Environment.GetEnvironmentVariable("TIDEMARK_TEST_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : 1;

    public int Count { get; } = TestLength.Of(share / 10, share, Full * share);

    /// <summary>Sends all bodies, several at once.</summary>
    /// <param name="workers">How many at once.</param>
    /// <param name="send">Makes body N of the random numbers, sends it, and throws when what follows is not as it has to be.</param>
    /// <param name="aTenthIsSent">Called once, when about a tenth is sent.</param>
    public async Task SendAsync(int workers, Func<int, Random, Task> send, Action aTenthIsSent)
    {
        var sent = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Count),
            new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = TestContext.Current.CancellationToken },
            async (number, _) =>
            {
                try
                {
                    await send(number, RandomOf(number));
                }
                catch (Exception e) when (e is not FuzzException)
                {
                    throw Failed(number, e.Message);
                }

                if (Interlocked.Increment(ref sent) == Count / 10)
                {
                    aTenthIsSent();
                }
            });
    }

    public static Random RandomOf(int number) => new(unchecked((Seed * 1_000_003) + number));

    public FuzzException Failed(int number, string why) => new($"{way}: seed {Seed}, body {number}: {why}");

    /// <summary>A body as text that can be sent again.</summary>
    public static string Show(ReadOnlySpan<byte> body)
        => body.Length <= 6000 ? $"base64 {Convert.ToBase64String(body)}" : $"{body.Length} bytes, made of the seed";
}

internal sealed class FuzzException(string message) : Exception(message);
