using System.Globalization;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>
/// Seeded random sequences of writes, refreshes, compression, retention, passing time and reopening: after each step an
/// engine answers every read as the reference does. How many of them run, <see cref="TestLength"/> tells.
/// <c>TIDEMARK_TEST_SEED</c> is the first seed, <c>TIDEMARK_TEST_SEQUENCES</c> how many follow.
/// </summary>
public abstract class RandomSequences(Func<IStoreFixture> engine, int share, int all)
{
    [Fact]
    public async Task An_engine_answers_like_the_reference_after_every_step()
    {
        var first = Number("TIDEMARK_TEST_SEED", 1);
        var count = Number("TIDEMARK_TEST_SEQUENCES", TestLength.Of((share + 2) / 3, share, all));
        var (steps, answers) = (0L, 0L);
        await Parallel.ForEachAsync(
            Enumerable.Range(first, count),
            // Some wait for the disk while others compute.
            new ParallelOptions
            {
                MaxDegreeOfParallelism = 2 * Environment.ProcessorCount,
                CancellationToken = TestContext.Current.CancellationToken
            },
            async (seed, token) =>
            {
                await using var fixture = engine();
                var sequence = new RandomSequence(seed, fixture, token);
                await sequence.RunAsync();
                Interlocked.Add(ref steps, sequence.Steps);
                Interlocked.Add(ref answers, sequence.Answers);
            });
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} sequences from seed {first}, {steps} steps, {answers} answers compared");
        Assert.True(answers > steps);
    }

    private static int Number(string variable, int fallback)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : fallback;
}
