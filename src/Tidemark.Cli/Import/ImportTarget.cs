namespace Tidemark.Cli.Import;

/// <summary>
/// Where the readings of an import go: into a store that is there, or into one that is made for the first of them, so that a file of which
/// nothing is taken leaves none behind; or nowhere, to find out what would be stored.
/// </summary>
internal sealed class ImportTarget : IAsyncDisposable
{
    private readonly Func<CancellationToken, Task<ITelemetryStore>>? _create;
    private ITelemetryStore? _store;

    private ImportTarget(TelemetrySchema schema, ITelemetryStore? store, Func<CancellationToken, Task<ITelemetryStore>>? create)
        => (Schema, _store, _create) = (schema, store, create);

    /// <summary>The store's, or the one that it will have.</summary>
    public TelemetrySchema Schema { get; }

    /// <param name="store">Disposed with the target.</param>
    public static ImportTarget Of(ITelemetryStore store) => new(store.Schema, store, null);

    public static ImportTarget Nowhere(TelemetrySchema schema) => new(schema, null, null);

    public static async Task<ImportTarget> OpenAsync(StoreOptions loaded, CancellationToken cancellationToken)
        => await StoreOpener.IsThereAsync(loaded.Options, cancellationToken)
            ? Of(await StoreOpener.CreateAsync(loaded, cancellationToken))
            : new(loaded.Options.Schema, null, token => StoreOpener.CreateAsync(loaded, token));

    public async Task<Instant?> ReadRawHorizonAsync(CancellationToken cancellationToken)
        => _store is null ? null : await _store.ReadRawHorizonAsync(cancellationToken);

    public async Task<WriteResult> WriteAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        if (_store is null && _create is not null && batch.Count > 0)
        {
            _store = await _create(cancellationToken);
        }

        return _store is null ? default : await _store.WriteAsync(batch, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }
    }
}
