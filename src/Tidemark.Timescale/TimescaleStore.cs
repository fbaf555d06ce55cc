using Npgsql;
namespace Tidemark.Timescale;

/// <summary>
/// The engine of a TimescaleDB server: readings in a hypertable, aggregates in real continuous aggregates, Tidemark's own
/// bookkeeping in the schema <c>tidemark</c>, changed in the transactions of what it tells of. Several processes may have one database
/// open.
/// </summary>
public sealed partial class TimescaleStore : ITelemetryStore
{
    private readonly TimescaleOptions _options;
    private readonly Database _database;
    private readonly SemaphoreSlim _maintenance = new(1);
    private StoreState? _state;
    private volatile Catalog _catalog;

    // The configured aggregates, then those that the store has besides: late writes are noted for all, retention refreshes all.
    private TelemetrySchema _kept;
    private string _engine = "TimescaleDB";
    private bool _copy;
    private bool _listens;
    private bool _addColumns;
    private bool _directCompress;
    private bool _refreshOptions;
    private bool _skipInvalidation;
    private int _rawId;
    private volatile bool _initialized;
    private int _disposed;

    private TimescaleStore(TimescaleOptions options)
    {
        _options = options;
        _database = new Database(options.Connection) { Renew = RenewCatalogAsync };
        _kept = options.Schema;
        _catalog = new Catalog(MetricCatalog.Empty, options.Schema, new TimescaleSql(options.Schema));
        _copy = options.Copy;
        ChunkWidth = options.ChunkInterval;
    }

    /// <summary>
    /// As configured, but for the sources that aggregates were made with, and with all metrics that this process knows of.
    /// </summary>
    public TelemetrySchema Schema => _catalog.Schema;

    private TimescaleSql Sql => _catalog.Sql;

    /// <summary>
    /// Reaches the server and checks that it is TimescaleDB's community edition, new enough; <see cref="InitializeAsync"/> comes next.
    /// </summary>
    /// <exception cref="StoreException">One line that says what is wrong and what to do.</exception>
    public static async Task<ITelemetryStore> OpenAsync(TimescaleOptions options, CancellationToken cancellationToken)
    {
        var store = new TimescaleStore(options);
        try
        {
            await store.CheckServerAsync(cancellationToken);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>The <see cref="TimescaleOptions.Settings"/> that the store was last initialised with.</summary>
    /// <returns>Null when the store has none or isn't there, which is left so.</returns>
    /// <exception cref="StoreException">The database can't be reached or read.</exception>
    public static async Task<string?> ReadSettingsAsync(string connection, CancellationToken cancellationToken)
    {
        await using var database = new Database(connection);
        return await database.RunAsync(
            async open => await HasCatalogAsync(open, cancellationToken) ? await SettingAsync(open, SettingsName, cancellationToken) : null,
            cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await StopWritesAsync();
            await StopListeningAsync();
            await _database.DisposeAsync();
            _maintenance.Dispose();
        }
    }

    private TimeSpan ChunkWidth { get; }

    private Instant Now => Instant.From(_options.Clock.GetUtcNow());

    private void RequireInitialized()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (!_initialized)
        {
            throw new StoreException(StoreErrorKind.Invalid, $"the store {_database.Location} is not initialised: run 'tidemark init'");
        }
    }

    /// <summary>The start of the chunk that holds the instant: TimescaleDB counts chunks from the epoch.</summary>
    private Instant ChunkStart(Instant instant)
    {
        var width = (long)ChunkWidth.TotalMicroseconds;
        return new Instant(instant.Micros - (((instant.Micros % width) + width) % width));
    }

    private async Task<StoreState> LoadStateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(StateSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await ReadStateAsync(reader, cancellationToken);
    }

    /// <summary>
    /// One row for raw readings, then one for each aggregate: name, watermark or threshold, horizon, target, last refresh, rewrites, the
    /// fleet's watermark, the version of the metrics.
    /// </summary>
    private string StateSql => $"""
        SELECT '', (SELECT watermark FROM _timescaledb_catalog.continuous_aggs_invalidation_threshold WHERE hypertable_id = {_rawId}),
            (SELECT value::bigint FROM tidemark.settings WHERE name = 'raw_horizon'), NULL::bigint, NULL::bigint, 0::bigint, NULL::bigint,
            {MetricsVersion}
        UNION ALL SELECT name, watermark, horizon, target, last_refresh, rewrites, fleet, 0::bigint FROM tidemark.watermarks
        """;

    private async Task<StoreState> ReadStateAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var (threshold, horizon, metrics) = (default(Instant?), default(Instant?), 0L);
        var aggregates = new Dictionary<string, AggregateState>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var name = reader.GetString(0);
            if (name.Length == 0)
            {
                (threshold, horizon, metrics) = (reader.GetMicrosOrNull(1), reader.GetMicrosOrNull(2), reader.GetInt64(7));
            }
            else if (_kept.HasAggregate(name))
            {
                // One that was added where something had been dropped begins there.
                aggregates[name] = new AggregateState(
                    _kept.Aggregate(name), reader.GetMicrosOrNull(1) ?? reader.GetMicrosOrNull(2), Horizon(
                        _kept.Aggregate(name),
                        reader.GetMicrosOrNull(2)), reader.GetMicrosOrNull(3), reader.GetMicrosOrNull(4), reader.GetInt64(5),
                    reader.GetMicrosOrNull(6));
            }
        }

        var state = new StoreState(RawHorizon(horizon), threshold, [.. _kept.Aggregates.Select(a => aggregates[a.Name])], metrics);
        _state = state;
        return state;
    }

    /// <summary>The stored horizon or, where a policy drops chunks, the end of the last one that it may have dropped.</summary>
    private Instant? RawHorizon(Instant? stored)
        => _policyRetention.TryGetValue("", out var retention) ? Later(stored, ChunkStart(Now - retention)) : stored;

    private Instant? Horizon(AggregateDefinition aggregate, Instant? stored)
        => _policyRetention.TryGetValue(aggregate.Name, out var retention)
            ? Later(stored, aggregate.Bucket.Floor(Now - retention))
            : stored;

    private static Instant Later(Instant? stored, Instant dropped) => stored is { } s && s > dropped ? s : dropped;

    private static string[] Chain(AggregateDefinition aggregate)
        => aggregate.Source is null ? [aggregate.Name] : [.. Chain(aggregate.Source), aggregate.Name];
}
