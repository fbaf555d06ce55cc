using System.CommandLine;
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
    /// <summary>The settings that the store itself has, and the server that has it open. Creates nothing.</summary>
    /// <returns>No settings when the store isn't there or is of an earlier version.</returns>
    public static async Task<(string? Settings, string? Server)> ReadSettingsAsync(
        TidemarkOptions options, CancellationToken cancellationToken)
    {
        var store = options.Store.Value;
        switch (options.Store.Kind)
        {
            case StoreKind.Http:
                return (await SettingsOfAsync(store, options.Key, cancellationToken), store);
            case StoreKind.Timescale:
                return (await TimescaleStore.ReadSettingsAsync(store, cancellationToken), null);
        }

        try
        {
            return (await DuckDbStore.ReadSettingsAsync(store, cancellationToken), null);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.InUse && ServerFile.Find(store) is { } server)
        {
            return (await SettingsOfAsync(server.Url, server.Key, cancellationToken), server.Url);
        }
    }

    /// <summary>Whether opening the store makes none.</summary>
    public static async Task<bool> IsThereAsync(TidemarkOptions options, CancellationToken cancellationToken) => options.Store.Kind switch
    {
        StoreKind.DuckDb => DuckDbStore.Exists(options.Store.Value),
        StoreKind.Http => true,
        _ => (await ReadSettingsAsync(options, cancellationToken)).Settings is not null,
    };

    private static async Task<string?> SettingsOfAsync(string server, string? key, CancellationToken cancellationToken)
    {
        await using var store = await HttpTelemetryStore.ConnectAsync(new Uri(server), key, cancellationToken);
        return store.Settings;
    }

    /// <summary>Opens a store that is there already, to use it as it is.</summary>
    /// <exception cref="CommandFailedException">There is none, or what is said would change its settings.</exception>
    public static async Task<ITelemetryStore> OpenAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var loaded = await StoreOptions.LoadAsync(arguments, cancellationToken);
        if (loaded.Options.Store is { Kind: StoreKind.DuckDb, Value: var folder } && !DuckDbStore.Exists(folder))
        {
            throw new CommandFailedException(
                $"there is no store in {folder}: run 'tidemark init' or 'tidemark demo', or name another with --store");
        }

        return await CreateAsync(loaded, cancellationToken);
    }

    /// <summary>Opens a store and creates or upgrades it: for the commands that bring data in.</summary>
    public static async Task<ITelemetryStore> CreateAsync(StoreOptions loaded, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenOwnAsync(loaded, cancellationToken);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.InUse)
        {
            if (ServerFile.Find(loaded.Options.Store.Value) is { } server)
            {
                return await ConnectAsync(loaded, server.Url, server.Key, cancellationToken);
            }

            throw;
        }
    }

    /// <summary>The same, but never through a server that holds an embedded store: for the server itself.</summary>
    public static Task<ITelemetryStore> OpenOwnAsync(
        StoreOptions loaded,
        CancellationToken cancellationToken) => loaded.Options.Store.Kind switch
        {
            StoreKind.DuckDb => OpenDuckDbAsync(loaded.Options, loaded.Stored, cancellationToken),
            StoreKind.Http => ConnectAsync(loaded, loaded.Options.Store.Value, loaded.Options.Key, cancellationToken),
            _ => OpenTimescaleAsync(loaded.Options, loaded.Stored, cancellationToken),
        };

    private static async Task<ITelemetryStore> ConnectAsync(
        StoreOptions loaded, string server, string? key, CancellationToken cancellationToken)
    {
        var store = await HttpTelemetryStore.ConnectAsync(new Uri(server), key, cancellationToken);
        if (store.Settings is { } settings && StoredConfiguration.Compare(settings, loaded.Options).Count > 0)
        {
            await store.DisposeAsync();
            throw StoreException.OtherSettings($"the store {loaded.Options.Store}");
        }

        return store;
    }

    private static async Task<ITelemetryStore> OpenTimescaleAsync(
        TidemarkOptions options, string? stored, CancellationToken cancellationToken)
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
                    NewMetrics = options.NewMetrics,
                    MaxMetrics = options.MaxMetrics,
                    RealTime = options.RealTime,
                    Maintenance = options.Maintenance,
                    AppendOnly = options.AppendOnly,
                    KeepAggregatesAs = options.KeepAggregatesAs,
                    Settings = StoredConfiguration.Of(options),
                    SettingsBefore = stored,
                },
                cancellationToken),
            cancellationToken);

    private static async Task<ITelemetryStore> OpenDuckDbAsync(
        TidemarkOptions options, string? stored, CancellationToken cancellationToken)
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
                    NewMetrics = options.NewMetrics,
                    MaxMetrics = options.MaxMetrics,
                    RealTime = options.RealTime,
                    Settings = StoredConfiguration.Of(options),
                    SettingsBefore = stored,
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
