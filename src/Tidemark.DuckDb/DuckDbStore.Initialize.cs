using System.Collections.Immutable;
using System.Globalization;
using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    private const string FormatVersion = "1";
    private const string ViewSeparator = ";\n";
    private const string SettingsName = "configuration";

    // A store is in these from its first chunk of several intervals, or its first metric in the map, on: an older build would write beside
    // it.
    private const string SharedChunksVersion = "2";
    private const string MapVersion = "3";

    public Task InitializeAsync(CancellationToken cancellationToken) => WriteThread(
        () =>
        {
            RefuseForeign();
            Transaction(_ =>
            {
                _session.Execute(DuckDbSql.CreateTables);
                NoteSettings();
                ReconcileSettings();
                var stored = StoredAggregates();
                Schema = StoredDefinition.KeepSources(Schema, stored);
                _kept = StoredDefinition.Complete(Schema, stored);
                var metrics = ReconcileMetrics();
                _session.Execute(DuckDbSql.CreateRaw("internal.latest", metrics, metrics.HasMap));
                var state = ReconcileAggregates(LoadChunks(), metrics, RawHorizonSetting());
                if (metrics.HasMap)
                {
                    CreateMap();
                }

                NoteSentColumns(state);
                ReconcileCommits();
                return (state, true);
            });
            LoadSensors();
            CreateViews();
            Volatile.Write(ref _initialized, true);
            return true;
        },
        cancellationToken);

    /// <summary>
    /// Brings the views up to the chunks there are: at open and at close, since nobody else can read the file in between.
    /// </summary>
    private void CreateViews()
    {
        var views = DuckDbSql.CreateViews(_state, Schema).ToList();
        var changed = views.Except(Setting("views")?.Split(ViewSeparator) ?? []).ToList();
        if (changed.Count == 0)
        {
            return;
        }

        Transaction(state =>
        {
            // A view of many metrics takes long to make, and a new chunk changes the one of raw readings alone.
            _session.Execute(string.Join(ViewSeparator, changed));
            SetSetting("views", string.Join(ViewSeparator, views));
            return (state, true);
        });
    }

    private void RefuseForeign()
    {
        var tables = Convert.ToInt64(
            _session.Scalar("SELECT count(*) FROM duckdb_tables() WHERE NOT internal AND NOT temporary"),
            CultureInfo.InvariantCulture);
        if (tables > 0 && !IsOurs(_session))
        {
            throw new StoreException(
                StoreErrorKind.NotAStore,
                $"{_folder}/{FileName} is a DuckDB database of something else: name another folder");
        }
    }

    private static bool IsOurs(Session session)
        => session.Scalar("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'internal' AND table_name = 'settings'") is not null;

    private void ReconcileSettings()
    {
        var version = Setting("format");
        if (version is null)
        {
            SetSetting("format", FormatVersion);
        }
        else if (version is not (FormatVersion or SharedChunksVersion or MapVersion))
        {
            throw Mismatch($"it was written in format {version}, this build reads {FormatVersion} to {MapVersion}");
        }

        var interval = _options.ChunkInterval.TotalMicroseconds.ToString("F0", CultureInfo.InvariantCulture);
        var stored = Setting("chunk_interval_micros");
        if (stored is not null && stored != interval && _session.Scalar("SELECT 1 FROM internal.chunks LIMIT 1") is not null)
        {
            throw Mismatch($"its chunks span {TimeSpan.FromMicroseconds(long.Parse(stored, CultureInfo.InvariantCulture))}, the "
                + $"configured chunk_interval is {_options.ChunkInterval}");
        }

        SetSetting("chunk_interval_micros", interval);
    }

    private void NoteSettings()
    {
        if (_options.Settings is not { } settings)
        {
            return;
        }

        if (Setting(SettingsName) is { } stored && stored != settings && stored != _options.SettingsBefore)
        {
            throw StoreException.OtherSettings($"the store in {_folder}");
        }

        SetSetting(SettingsName, settings);
    }

    private StoreState ReconcileAggregates(ImmutableArray<Chunk> chunks, MetricCatalog metrics, Instant? rawHorizon)
    {
        foreach (var aggregate in Schema.Aggregates)
        {
            var definition = StoredDefinition.Of(aggregate);
            var stored = Stored(aggregate.Name);
            if (stored is null)
            {
                _session.Execute(DuckDbSql.CreateAggregate(aggregate, metrics));
                var begin = Begin(aggregate, rawHorizon)?.Micros.ToString(CultureInfo.InvariantCulture) ?? "NULL";
                _session.Execute($"INSERT INTO internal.aggregates VALUES ($1, $2, {begin}, {begin}, NULL)", aggregate.Name, definition);
            }
            else if (stored != definition)
            {
                throw Mismatch($"its aggregate '{aggregate.Name}' is {stored}, the configured one {definition}");
            }
        }

        var states = new Dictionary<string, (Instant? Watermark, Instant? Horizon, bool Invalid)>();
        using (var rows = _session.Query(
            "SELECT name, watermark, horizon, last_refresh, name IN (SELECT aggregate FROM internal.invalidations) FROM "
                + "internal.aggregates",
            streaming: false))
        {
            while (rows.Read())
            {
                states[rows.GetString(0)] = (rows.InstantOrNull(1), rows.InstantOrNull(2), rows.GetBoolean(4));
                if (rows.InstantOrNull(3) is { } lastRefresh)
                {
                    _lastRefresh.TryAdd(rows.GetString(0), lastRefresh);
                }
            }
        }

        return new StoreState(
            chunks,
            [.. _kept.Aggregates.Select(
                a => new AggregateState(a, states[a.Name].Watermark, states[a.Name].Horizon, states[a.Name].Invalid, RewritesOf(a)))],
            metrics,
            rawHorizon);
    }

    /// <summary>Where the buckets of a new aggregate are whole: of what its source has dropped nothing can be told.</summary>
    private Instant? Begin(AggregateDefinition aggregate, Instant? rawHorizon)
    {
        var dropped = aggregate.Source is { } source
            ? InstantOf(_session.Scalar("SELECT horizon FROM internal.aggregates WHERE name = $1", source.Name))
            : rawHorizon;
        return dropped is { } d ? aggregate.Bucket.Ceiling(d) : null;
    }

    /// <summary>Goes on counting when a store that is open is initialised again.</summary>
    private int RewritesOf(AggregateDefinition aggregate)
        => _state.Aggregates.FirstOrDefault(a => a.Definition == aggregate)?.Rewrites ?? 0;

    private List<StoredAggregate> StoredAggregates()
    {
        var stored = new List<StoredAggregate>();
        using var rows = _session.Query(
            """
            SELECT name, definition, (SELECT string_agg(column_name, ',') FROM duckdb_columns() WHERE schema_name = 'internal'
                AND table_name = 'agg_' || name)
            FROM internal.aggregates
            """,
            streaming: false);
        while (rows.Read())
        {
            stored.Add(new StoredAggregate(
                rows.GetString(0),
                rows.GetString(1),
                $"{TelemetrySchema.RawTable}_{rows.GetString(0)}",
                "bucket",
                rows.GetString(2).Split(',')));
        }

        return stored;
    }

    private string? Stored(string aggregate)
        => (string?)_session.Scalar("SELECT definition FROM internal.aggregates WHERE name = $1", aggregate);

    private ImmutableArray<Chunk> LoadChunks()
    {
        using var rows = _session.Query(
            """
            SELECT chunk, range_start, range_end, compressed, bytes_before, (schema_name, table_name) IN (
                SELECT (schema_name, table_name) FROM duckdb_columns() WHERE column_name = '_more')
            FROM (SELECT *, 'internal' AS schema_name, 'chunk_' || chunk AS table_name FROM internal.chunks) ORDER BY range_start
            """,
            streaming: false);
        var chunks = ImmutableArray.CreateBuilder<Chunk>();
        while (rows.Read())
        {
            var chunk = new Chunk(
                rows.GetInt32(0),
                new TimeRange(new Instant(rows.GetInt64(1)), new Instant(rows.GetInt64(2))),
                rows.GetBoolean(3),
                rows.GetInt64(4),
                HasMap: rows.GetBoolean(5));
            _nextChunk = Math.Max(_nextChunk, chunk.Id + 1);
            chunks.Add(chunk);
        }

        return chunks.ToImmutable();
    }

    /// <summary>Loads ids and last readings, the newest chunk first, until every sensor has one.</summary>
    private void LoadSensors()
    {
        if (_sensors.Count > 0)
        {
            return;
        }

        var ids = new List<string>();
        using (var rows = _session.Query("SELECT sensor_id FROM internal.sensors ORDER BY sensor", streaming: false))
        {
            while (rows.Read())
            {
                ids.Add(rows.GetString(0));
            }
        }

        var latest = new LatestReading?[ids.Count];
        var missing = ids.Count;
        var tables = _state.Chunks.Reverse().Select(c => (c.Table, c.HasMap)).Append(("internal.latest", _state.Metrics.HasMap));
        foreach (var (table, hasMap) in tables.TakeWhile(_ => missing > 0))
        {
            using var rows = _session.Query(DuckDbSql.LatestIn(table, _state.Metrics, hasMap), streaming: false);
            while (rows.Read())
            {
                var key = rows.GetInt32(0);
                missing -= latest[key] is null ? 1 : 0;
                latest[key] ??= ReadLatest(rows);
            }
        }

        var sent = LoadSent(ids.Count);
        for (var key = 0; key < ids.Count; key++)
        {
            _sensors.Add(ids[key], latest[key], sent[key]);
        }
    }

    private LatestReading ReadLatest(DuckDBDataReader row)
    {
        var columns = _state.Metrics.Columns;
        var values = columns.Select(m => m.Id).Zip(row.Doubles(2, columns.Count)).Where(v => !double.IsNaN(v.Second)).ToList();
        if (!row.IsDBNull(2 + columns.Count))
        {
            values.AddRange(row.GetFieldValue<Dictionary<short, double>>(2 + columns.Count).Select(v => (v.Key, v.Value)));
        }

        return new LatestReading(row.GetInt64(1), [.. values.Select(v => v.First)], [.. values.Select(v => v.Second)]);
    }

    private Instant? RawHorizonSetting()
        => Setting("raw_horizon") is { } text ? new Instant(long.Parse(text, CultureInfo.InvariantCulture)) : null;

    private string? Setting(string name) => Setting(_session, name);

    private static string? Setting(Session session, string name)
        => (string?)session.Scalar("SELECT value FROM internal.settings WHERE name = $1", name);

    private void SetSetting(string name, string value)
    {
        _session.Execute("DELETE FROM internal.settings WHERE name = $1", name);
        _session.Execute("INSERT INTO internal.settings VALUES ($1, $2)", name, value);
    }

    private StoreException Mismatch(string difference)
        => new(
            StoreErrorKind.SchemaMismatch,
            $"the store in {_folder} does not fit the configuration: {difference}; change the configuration back or name another store");
}
