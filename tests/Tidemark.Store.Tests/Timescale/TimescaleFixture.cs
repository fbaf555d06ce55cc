using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A store in a database of its own, which goes with the fixture.</summary>
internal sealed class TimescaleFixture : IStoreFixture
{
    private ITelemetryStore? _store;
    private TimescaleDatabase? _database;

    /// <summary>Whether aggregates gain columns where the server can do that; else they are made anew.</summary>
    public bool AddColumns { get; init; } = true;

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.UnixEpoch);

    public Instant ChunkOrigin => Instant.From(DateTimeOffset.UnixEpoch);

    public async Task<ITelemetryStore> OpenAsync(StoreSettings settings, CancellationToken cancellationToken)
    {
        await CloseAsync();
        _database ??= await TimescaleDatabase.CreateAsync();
        _store = await TimescaleStore.OpenAsync(Options(settings, _database.ConnectionString), cancellationToken);
        await _store.InitializeAsync(cancellationToken);
        return _store;
    }

    public TimescaleOptions Options(StoreSettings settings, string connection) => new()
    {
        Connection = connection,
        Schema = settings.Schema,
        ChunkInterval = settings.ChunkInterval,
        CompressAfter = settings.CompressAfter,
        Retention = settings.Retention,
        RealTime = settings.RealTime,
        MaxSensors = settings.MaxSensors,
        NewMetrics = settings.NewMetrics,
        MaxMetrics = settings.MaxMetrics,
        Maintenance = MaintenanceOwner.External,
        Clock = Clock,
        AddColumns = AddColumns,
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
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }
}
