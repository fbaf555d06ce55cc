using System.Diagnostics;
using System.Globalization;
using Tidemark.DuckDb;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>What is acknowledged survives a killed process, and nothing is there in part.</summary>
public sealed class CrashTests : IDisposable
{
    private static readonly int Kills = TestLength.Of(5, 15, 50);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tidemark-crash-{Guid.NewGuid():N}");
    private readonly Random _random = new(20260310);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_killed_process_loses_no_acknowledged_reading_and_leaves_no_half_batch()
    {
        var (committed, acknowledged, verified) = (-1, 0, 0L);
        for (var kill = 0; kill < Kills; kill++)
        {
            var last = await KillAsync(committed + 1);
            acknowledged += Math.Max(0, last - committed);
            var before = committed;
            committed = await CheckAsync();
            Assert.True(
                committed >= Math.Max(last, before),
                $"batch {Math.Max(last, before)} was acknowledged, but {committed} is the last one there");

            // At most the batch that was under way is there without having been acknowledged.
            Assert.True(
                committed <= Math.Max(last, before) + 1,
                $"batch {committed} is there, but {last} was the last one sent and acknowledged");
        }

        await using (var store = await OpenAsync())
        {
            foreach (var aggregate in store.Schema.Aggregates)
            {
                await store.RefreshAsync(aggregate.Name, null, null, Token);
            }

            var report = await store.VerifyAsync(null, null, Token);
            Assert.Equal((0, 0), (report.DifferenceCount, report.BucketsPending));
            verified = report.BucketsChecked;
        }

        Assert.True(acknowledged > Kills, $"only {acknowledged} batches were acknowledged in {Kills} runs");
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{Kills} kills: {acknowledged * CrashWriter.BatchSize} acknowledged readings of {acknowledged} batches checked, none lost; "
                + $"{committed + 1 - acknowledged} batches committed unacknowledged; {verified} buckets verified");
    }

    [Fact]
    public async Task A_second_process_is_refused_in_one_line_that_names_the_first()
    {
        using var writer = CrashWriter.Start(_folder, 0);
        await writer.StandardOutput.ReadLineAsync(Token);
        var error = await Assert.ThrowsAsync<StoreException>(OpenAsync);
        await EndAsync(writer);
        Assert.Equal(StoreErrorKind.InUse, error.Kind);
        Assert.Contains(writer.Id.ToString(CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        await using var store = await OpenAsync();
        Assert.NotEmpty(await store.SensorsAsync(Token));
    }

    /// <summary>Lets a process write from a batch on and kills it at a random moment.</summary>
    /// <returns>The last batch that it acknowledged, −1 for none.</returns>
    private async Task<int> KillAsync(int first)
    {
        using var writer = CrashWriter.Start(_folder, first);
        var last = -1;
        for (var lines = _random.Next(0, 20); lines > 0 && await writer.StandardOutput.ReadLineAsync(Token) is { } line; lines--)
        {
            last = int.Parse(line, CultureInfo.InvariantCulture);
        }

        await Task.Delay(_random.Next(0, 40), Token);
        await EndAsync(writer);
        while (await writer.StandardOutput.ReadLineAsync(Token) is { } line)
        {
            last = int.Parse(line, CultureInfo.InvariantCulture);
        }

        return last;
    }

    private static async Task EndAsync(Process writer)
    {
        Assert.False(writer.HasExited);
        writer.Kill();
        await writer.WaitForExitAsync(Token);
    }

    /// <summary>Every batch up to the last one is there whole.</summary>
    /// <returns>The last batch, −1 for none.</returns>
    private async Task<int> CheckAsync()
    {
        await using var store = await OpenAsync();
        var readings = await store.RawAsync(null, TimeRange.All, Token);
        var batches = readings.Where(r => r.SensorId != CrashWriter.Counter).GroupBy(r => (int)r.Values[0])
            .ToDictionary(b => b.Key, b => b.Select(r => (int)r.Values[1]).Order());
        Assert.Equal(Enumerable.Range(0, batches.Count), batches.Keys.Order());
        Assert.All(batches.Values, batch => Assert.Equal(Enumerable.Range(0, CrashWriter.BatchSize), batch));
        if (batches.Count > 0)
        {
            Assert.Equal(batches.Count - 1, Assert.Single(readings, r => r.SensorId == CrashWriter.Counter).Values[0]);
        }

        return batches.Count - 1;
    }

    private async Task<ITelemetryStore> OpenAsync()
    {
        var store = await DuckDbStore.OpenAsync(CrashWriter.Options(_folder), Token);
        await store.InitializeAsync(Token);
        return store;
    }
}
