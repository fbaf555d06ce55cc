using Tidemark.Configuration;

namespace Tidemark.Cli;

/// <summary>Opens the store that the command line, the environment or the configuration file names.</summary>
internal static class StoreOpener
{
    /// <summary>Opens a store that is there already.</summary>
    /// <exception cref="CommandFailedException">There is none.</exception>
    public static async Task<ITelemetryStore> OpenAsync(TidemarkOptions options, CancellationToken cancellationToken)
        => await ConnectAsync(options, create: false, cancellationToken);

    /// <summary>Opens a store and creates or upgrades it: for the commands that bring data in.</summary>
    public static async Task<ITelemetryStore> CreateAsync(TidemarkOptions options, CancellationToken cancellationToken)
    {
        var store = await ConnectAsync(options, create: true, cancellationToken);
        try
        {
            await store.InitializeAsync(cancellationToken);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private static Task<ITelemetryStore> ConnectAsync(TidemarkOptions options, bool create, CancellationToken cancellationToken) => options.Store.Kind switch
    {
        StoreKind.DuckDb => throw new CommandFailedException("the embedded engine is not in this build yet"),
        StoreKind.Http => throw new CommandFailedException("stores behind a server are not in this build yet"),
        _ => throw new CommandFailedException("TimescaleDB is not in this build yet"),
    };
}
