using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Server.Remote;
using Tidemark.Timescale;

namespace Tidemark.Cli;

/// <summary>
/// Opens the store that the command line, the environment or the configuration file names. An embedded store that a
/// Tidemark server holds is reached through that server.
/// </summary>
internal static class StoreOpener
{
    /// <summary>Opens a store that is there already.</summary>
    /// <exception cref="CommandFailedException">There is none.</exception>
    public static async Task<ITelemetryStore> OpenAsync(TidemarkOptions options, CancellationToken cancellationToken)
    {
        if (options.Store is { Kind: StoreKind.DuckDb, Value: var folder } && !DuckDbStore.Exists(folder))
        {
            throw new CommandFailedException(
                $"there is no store in {folder}: run 'tidemark init' or 'tidemark demo', or name another with --store");
        }

        return await CreateAsync(options, cancellationToken);
    }

    /// <summary>Opens a store and creates or upgrades it: for the commands that bring data in.</summary>
    public static async Task<ITelemetryStore> CreateAsync(TidemarkOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenOwnAsync(options, cancellationToken);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.InUse)
        {
            if (ServerFile.Find(options.Store.Value) is { } server)
            {
                return await HttpTelemetryStore.ConnectAsync(new Uri(server.Url), server.Key, cancellationToken);
            }

            throw;
        }
    }

    /// <summary>The same, but never through a server that holds an embedded store: for the server itself.</summary>
    public static Task<ITelemetryStore> OpenOwnAsync(
        TidemarkOptions options,
        CancellationToken cancellationToken) => options.Store.Kind switch
        {
            StoreKind.DuckDb => OpenDuckDbAsync(options, cancellationToken),
            StoreKind.Http => HttpTelemetryStore.ConnectAsync(new Uri(options.Store.Value), options.Key, cancellationToken),
            _ => OpenTimescaleAsync(options, cancellationToken),
        };

    private static async Task<ITelemetryStore> OpenTimescaleAsync(TidemarkOptions options, CancellationToken cancellationToken)
        => await InitializedAsync(
            await TimescaleStore.OpenAsync(
                new TimescaleOptions
                {
                    Connection = options.Store.Value,
                    Schema = options.Schema,
                    ChunkInterval = options.ChunkInterval,
                    CompressAfter = options.CompressAfter,
                    Retention = options.Retention,
                    MaxSensors = options.MaxSensors,
                    RealTime = options.RealTime,
                    Maintenance = options.Maintenance,
                    AppendOnly = options.AppendOnly,
                    KeepAggregatesAs = options.KeepAggregatesAs,
                },
                cancellationToken),
            cancellationToken);

    private static async Task<ITelemetryStore> OpenDuckDbAsync(TidemarkOptions options, CancellationToken cancellationToken)
        => await InitializedAsync(
            await DuckDbStore.OpenAsync(
                new DuckDbOptions
                {
                    Folder = options.Store.Value,
                    Schema = options.Schema,
                    ChunkInterval = options.ChunkInterval,
                    CompressAfter = options.CompressAfter,
                    Retention = options.Retention,
                    MaxSensors = options.MaxSensors,
                    RealTime = options.RealTime,
                },
                cancellationToken),
            cancellationToken);

    private static async Task<ITelemetryStore> InitializedAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
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
}
