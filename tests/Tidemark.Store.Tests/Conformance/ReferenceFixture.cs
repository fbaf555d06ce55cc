using Microsoft.Extensions.Time.Testing;

namespace Tidemark.Store.Tests.Conformance;

internal sealed class ReferenceFixture : IStoreFixture
{
    private readonly ReferenceState _state = new();

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.UnixEpoch);

    public async Task<ITelemetryStore> OpenAsync(StoreSettings settings, CancellationToken cancellationToken)
    {
        var store = new ReferenceStore(_state, settings, Clock);
        await store.InitializeAsync(cancellationToken);
        return store;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
