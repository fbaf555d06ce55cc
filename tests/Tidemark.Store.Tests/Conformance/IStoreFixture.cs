using Microsoft.Extensions.Time.Testing;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>Gives one test one empty store of an engine and opens it again as often as the test likes.</summary>
public interface IStoreFixture : IAsyncDisposable
{
    FakeTimeProvider Clock { get; }

    /// <summary>An instant at which a chunk of any interval begins: the engine's choice, which horizons show.</summary>
    Instant ChunkOrigin => Instant.Utc(2000, 1, 3);

    /// <summary>Whether a chunk may span several intervals that hold little.</summary>
    bool SharesChunks => false;

    /// <summary>Opens and initialises the fixture's store; what it had opened before is closed first.</summary>
    Task<ITelemetryStore> OpenAsync(StoreSettings settings, CancellationToken cancellationToken);
}

/// <summary>What a store is opened with: the part of the options that the contract speaks of.</summary>
public sealed record StoreSettings
{
    public TelemetrySchema Schema { get; init; } = TestSchema.Default;

    public TimeSpan ChunkInterval { get; init; } = TimeSpan.FromDays(1);

    /// <summary>See <see cref="IStoreFixture.ChunkOrigin"/>.</summary>
    public Instant ChunkOrigin { get; init; } = Instant.Utc(2000, 1, 3);

    public TimeSpan? CompressAfter { get; init; } = TimeSpan.FromDays(7);

    public TimeSpan? Retention { get; init; }

    public bool RealTime { get; init; } = true;

    public int MaxSensors { get; init; } = 1_000_000;

    public NewMetrics NewMetrics { get; init; }

    public int MaxMetrics { get; init; } = 200;
}
