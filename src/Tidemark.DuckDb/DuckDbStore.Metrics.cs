namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    // So many of a new store's metrics have columns. What touches a table pays for each of its columns, used or not.
    private const int MostColumns = 16;

    public Task<IReadOnlyList<MetricInfo>> ListMetricsAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        var sets = Enumerable.Range(0, _sensors.Count).CountBy(_sensors.Sent).ToList();
        return Task.FromResult<IReadOnlyList<MetricInfo>>(
            [.. _state.Metrics.All.Select(m => new MetricInfo(
                m.Metric,
                m.FirstSeen,
                sets.Where(set => set.Key.Contains(m.Id)).Sum(set => set.Value)))]);
    }

    public Task AddMetricsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) => WriteThread(
        () => Transaction(state =>
        {
            RequireInitialized();
            var added = names.Where(name => state.Metrics.Find(name) is null).Distinct().ToList();
            if (added.Select(Metric.CheckName).FirstOrDefault(error => error is not null) is { } wrong)
            {
                throw new StoreException(StoreErrorKind.Invalid, wrong);
            }

            if (state.Metrics.All.Count + added.Count > _options.MaxMetrics)
            {
                throw new StoreException(StoreErrorKind.Invalid, NewMetric.TooMany(added[0]));
            }

            foreach (var name in added)
            {
                (state, _) = AddMetric(state, name, firstSeen: null);
            }

            return (state, true);
        }),
        cancellationToken);

    public Task RemoveMetricAsync(string name, CancellationToken cancellationToken) => WriteThread(
        () =>
        {
            RequireInitialized();
            var removed = Transaction(state => RemoveMetric(state, name));
            for (var key = 0; key < _sensors.Count; key++)
            {
                _sensors.SetSent(key, _sensors.Sets.Except(_sensors.Sent(key), removed));
            }

            CreateViews();
            return true;
        },
        cancellationToken);

    /// <summary>What an answer of a sensor, or of all, has.</summary>
    private Selection Select(StoreState state, int? key, IReadOnlyList<string>? metrics) => metrics is not null
        ? state.Metrics.Select(metrics, Schema)
        : key is { } sensor ? state.Metrics.AnswerOf(_sensors.Sent(sensor)) : state.Metrics.Everything;

    /// <summary>Adds one to the map: whatever readings and buckets there are, none of them is touched.</summary>
    private (StoreState State, StoredMetric Metric) AddMetric(StoreState state, string name, Instant? firstSeen)
    {
        if (!state.Metrics.HasMap)
        {
            CreateMap();
        }

        var metric = new StoredMetric(state.Metrics.NextId, Metric.Found(name), IsColumn: false, firstSeen);
        NoteMetric(metric);
        return (state with { Metrics = state.Metrics.With(metric) }, metric);
    }

    private (StoreState Next, short Id) RemoveMetric(StoreState state, string name)
    {
        var metric = state.Metrics.Find(name) ?? throw StoreException.UnknownMetric(name, Schema);
        if (metric.Metric.IsConfigured)
        {
            throw new StoreException(
                StoreErrorKind.Invalid,
                $"the metric '{name}' is configured: take it out of the configuration first, then remove it");
        }

        _session.Execute("UPDATE internal.metrics SET removed = true WHERE metric = $1", metric.Id);
        _session.Execute("DELETE FROM internal.sensor_metrics WHERE metric = $1", metric.Id);
        if (metric.IsColumn)
        {
            if (!state.Metrics.HasMap)
            {
                CreateMap();
            }

            var column = Identifier.Quote(name);
            foreach (var table in state.Chunks.Select(c => c.Table).Append("internal.latest"))
            {
                _session.Execute($"ALTER TABLE {table} DROP COLUMN {column}");
            }

            foreach (var aggregate in _kept.Aggregates)
            {
                _session.Execute(DuckDbSql.DropMetric(aggregate, name));
            }

            SetSetting("metrics", string.Join(',', state.Metrics.Columns.Select(c => c.Name).Where(c => c != name)));
        }
        else
        {
            foreach (var aggregate in _kept.Aggregates)
            {
                _session.Execute($"DELETE FROM {DuckDbSql.MapTable(aggregate)} WHERE metric = $1", metric.Id);
            }
        }

        return (state with { Metrics = state.Metrics.Without(metric) }, metric.Id);
    }

    /// <summary>Readies the store for metrics in the map.</summary>
    private void CreateMap()
    {
        _session.Execute(DuckDbSql.AddMap("internal.latest"));
        foreach (var aggregate in _kept.Aggregates)
        {
            _session.Execute(DuckDbSql.CreateMapTable(aggregate));
        }

        SetSetting("format", MapVersion);
    }

    private void NoteMetric(StoredMetric metric) => _session.Execute(
        "INSERT INTO internal.metrics VALUES ($1, $2, $3, false)",
        metric.Id, metric.Name, metric.FirstSeen is { } seen ? seen.Micros : DBNull.Value);

    /// <summary>The configured metrics, those beside them that the store has, and new ones of the configuration.</summary>
    private MetricCatalog ReconcileMetrics()
    {
        var columns = Setting("metrics")?.Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (columns is null)
        {
            columns = [.. Schema.MetricNames.Take(MostColumns)];
            SetSetting("metrics", string.Join(',', columns));
        }

        var (known, removed, next) = LoadMetrics();
        var configured = Schema.Metrics.Where(m => m.IsConfigured).ToList();
        foreach (var name in columns.Concat(configured.Select(m => m.Name)).Where(name => !known.ContainsKey(name)).Distinct().ToList())
        {
            known[name] = new StoredMetric(next++, Metric.Found(name), IsColumn: false, null);
            NoteMetric(known[name]);
        }

        StoredMetric Of(string name, Metric metric) => known[name] with { Metric = metric, IsColumn = columns.Contains(name) };
        var all = configured.Select(m => Of(m.Name, m)).ToList();
        var found = known.Values.Where(m => configured.All(c => c.Name != m.Name)).OrderBy(m => m.Id);
        all.AddRange(found.Select(m => Of(m.Name, Metric.Found(m.Name))));
        return new MetricCatalog(all, [.. columns.Select(name => all.Single(m => m.Name == name))], removed);
    }

    private (Dictionary<string, StoredMetric> Known, List<short> Removed, short Next) LoadMetrics()
    {
        var (known, removed, next) = (new Dictionary<string, StoredMetric>(StringComparer.Ordinal), new List<short>(), (short)0);
        using var rows = _session.Query("SELECT metric, name, first_seen, removed FROM internal.metrics", streaming: false);
        while (rows.Read())
        {
            var id = rows.GetInt16(0);
            next = Math.Max(next, (short)(id + 1));
            if (rows.GetBoolean(3))
            {
                removed.Add(id);
            }
            else
            {
                known[rows.GetString(1)] = new StoredMetric(id, Metric.Found(rows.GetString(1)), IsColumn: false, rows.InstantOrNull(2));
            }
        }

        return (known, removed, next);
    }

    /// <summary>
    /// In a store that does not note yet what sensors sent, aggregates and readings beyond them tell of columns. It has no other metrics.
    /// </summary>
    private void NoteSentColumns(StoreState state)
    {
        if (_session.Scalar("SELECT 1 FROM internal.sensor_metrics LIMIT 1") is not null || state.Metrics.Columns.Count == 0)
        {
            return;
        }

        var rows = new AggregateRows(Schema.Finest, TimeRange.All, state.Metrics.OfColumns, WithExtra: false);
        var partials = DuckDbSql.Partials(state, rows, "true", realTime: true);
        foreach (var metric in state.Metrics.Columns)
        {
            _session.Execute($"INSERT INTO internal.sensor_metrics SELECT DISTINCT sensor, {metric.Id} FROM ({partials}) "
                + $"WHERE \"count_{metric.Name}\" > 0");
        }
    }

    private MetricSet[] LoadSent(int sensors)
    {
        var ids = new List<short>?[sensors];
        using var rows = _session.Query("SELECT sensor, metric FROM internal.sensor_metrics", streaming: false);
        while (rows.Read())
        {
            (ids[rows.GetInt32(0)] ??= []).Add(rows.GetInt16(1));
        }

        return [.. ids.Select(list => _sensors.Sets.With(MetricSet.Empty, list ?? []))];
    }
}
