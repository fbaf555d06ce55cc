using Microsoft.Extensions.Time.Testing;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>Gives one test one empty store of an engine and opens it again as often as the test likes.</summary>
public interface IStoreFixture : IAsyncDisposable
{
    FakeTimeProvider Clock { get; }

    /// <summary>Opens and initialises the fixture's store; what it had opened before is closed first.</summary>
    Task<ITelemetryStore> OpenAsync(StoreSettings settings, CancellationToken cancellationToken);
}

/// <summary>What a store is opened with: the part of the options that the contract speaks of.</summary>
public sealed record StoreSettings
{
    public TelemetrySchema Schema { get; init; } = TestSchema.Default;

    public TimeSpan ChunkInterval { get; init; } = TimeSpan.FromDays(1);

    public TimeSpan? CompressAfter { get; init; } = TimeSpan.FromDays(7);

    public TimeSpan? Retention { get; init; }

    public bool RealTime { get; init; } = true;
}
