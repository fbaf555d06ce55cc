using Microsoft.Extensions.Time.Testing;
using Tidemark.DuckDb;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>A store in a folder of its own, which goes with the fixture.</summary>
internal sealed class DuckDbFixture : IStoreFixture
{
    private ITelemetryStore? _store;

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.UnixEpoch);

    public bool SharesChunks => SharedReadings > 1;

    /// <summary>As everywhere else unless a test sets it.</summary>
    public int SharedReadings { get; set; } = new DuckDbOptions { Folder = "", Schema = TestSchema.Default }.SharedReadings;

    /// <inheritdoc cref="SharedReadings"/>
    public long PageBytes { get; set; } = new DuckDbOptions { Folder = "", Schema = TestSchema.Default }.PageBytes;

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"tidemark-test-{Guid.NewGuid():N}");

    public async Task<ITelemetryStore> OpenAsync(StoreSettings settings, CancellationToken cancellationToken)
    {
        await CloseAsync();
        _store = await DuckDbStore.OpenAsync(Options(settings), cancellationToken);
        await _store.InitializeAsync(cancellationToken);
        return _store;
    }

    public DuckDbOptions Options(StoreSettings settings) => new()
    {
        Folder = Folder,
        Schema = settings.Schema,
        ChunkInterval = settings.ChunkInterval,
        CompressAfter = settings.CompressAfter,
        Retention = settings.Retention,
        RealTime = settings.RealTime,
        SharedReadings = SharedReadings,
        PageBytes = PageBytes,
        MaxSensors = settings.MaxSensors,
        NewMetrics = settings.NewMetrics,
        MaxMetrics = settings.MaxMetrics,
        Clock = Clock,
    };

    public async Task CloseAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
            _store = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
