using Tidemark.DuckDb;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

public sealed class CommitTests : IAsyncLifetime
{
    private const int Kept = 4;

    private readonly DuckDbFixture _fixture = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task What_is_forgotten_is_not_passed_over_in_silence()
    {
        var positions = new List<string>();
        await using (var store = await OpenAsync())
        {
            await using var subscription = await store.SubscribeAsync(Token);
            var commits = subscription.ReadAllAsync(Token).GetAsyncEnumerator(Token);
            for (var i = 0; i < 20; i++)
            {
                var batch = new ReadingBatch(["temperature"]);
                batch.Add("a", Instant.Utc(2026, 3, 10, i), [i]);
                await store.WriteAsync(batch, Token);
                Assert.True(await commits.MoveNextAsync());
                positions.Add(commits.Current.Position);
            }
        }

        await using var again = await OpenAsync();
        for (var i = 0; i < 20; i++)
        {
            var since = await again.ReadCommitsAsync(new CommitQuery(positions[i], SensorSelection.All, 100), Token);
            var there = since.Batches.Sum(batch => batch.Count);
            Assert.Equal(since.Missed is null ? there : 19 - i, there);
            Assert.True(since.Missed is null ? i < 20 - Kept : i >= 20 - (2 * Kept) - 1, $"{i}: {since.Missed}");
        }
    }

    private async Task<ITelemetryStore> OpenAsync()
    {
        var store = await DuckDbStore.OpenAsync(_fixture.Options(new StoreSettings()) with { KeptCommits = Kept }, Token);
        await store.InitializeAsync(Token);
        return store;
    }
}
