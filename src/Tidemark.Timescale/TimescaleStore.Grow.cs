using System.Collections.Concurrent;
using Npgsql;

namespace Tidemark.Timescale;

/// <summary>
/// How metrics come: before the write that brings them, in a transaction of its own that takes milliseconds. Writes that need none go on
/// meanwhile; what others wait for is waited for shortly and tried again.
/// </summary>
public sealed partial class TimescaleStore
{
    // Eight bytes each, beside an id of up to 200 bytes and a bit for each that is null: a row of PostgreSQL's has to fit into a page of
    // 8 KiB.
    private const int MostValues = 950;
    private const int ValuesOfMetric = 5;

    // A statement takes longer the more columns it adds and the table has: a tenth of a second each with these.
    private const int MetricsAtOnce = 10;

    private readonly ConcurrentQueue<GrowJob> _comers = new();
    private readonly SemaphoreSlim _growth = new(1);

    private sealed record GrowJob(ReadingBatch Batch)
    {
        public TaskCompletionSource<SortedDictionary<int, RefusedReading>> Done { get; }
            = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>How many metrics any store of these aggregates can have.</summary>
    private int MostMetrics => (MostValues - _kept.Aggregates.Max(a => a.ExtraColumns.Count)) / ValuesOfMetric;

    private int Places => Math.Min(_options.MaxMetrics, MostMetrics);

    private string TooMany(string name) => _options.MaxMetrics <= MostMetrics
        ? NewMetric.TooMany(name)
        : $"the metric '{name}' is new, and the store has {MostMetrics} metrics, the most that a row of an aggregate has place for on "
            + "TimescaleDB";

    /// <summary>Adds the metrics that a batch brings, together with those of others that wait for it.</summary>
    /// <returns>The readings that are refused because of a metric.</returns>
    private async Task<SortedDictionary<int, RefusedReading>> GrowAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        var job = new GrowJob(batch);
        _comers.Enqueue(job);
        await _growth.WaitAsync(cancellationToken);
        try
        {
            await GrowWaitingAsync();
        }
        finally
        {
            _growth.Release();
        }

        return await job.Done.Task;
    }

    private async Task GrowWaitingAsync()
    {
        var jobs = new List<GrowJob>();
        while (_comers.TryDequeue(out var job))
        {
            jobs.Add(job);
        }

        if (jobs.Count == 0)
        {
            return;
        }

        try
        {
            var answers = await _database.RunAsync(connection => JudgeAsync(connection, jobs), CancellationToken.None);
            await AddAsync([.. answers.SelectMany(a => a.New).Distinct()], CancellationToken.None);
            foreach (var (job, (refused, _, failure)) in jobs.Zip(answers))
            {
                _ = failure is null ? job.Done.TrySetResult(refused) : job.Done.TrySetException(failure);
            }
        }
        catch (Exception e)
        {
            jobs.ForEach(job => job.Done.TrySetException(e));
        }
    }

    private sealed record Judgement(SortedDictionary<int, RefusedReading> Refused, IReadOnlyList<string> New, StoreException? Failure);

    /// <summary>
    /// What becomes of batches, one after the other: which readings are refused, and which metrics the others bring. A batch that is refused
    /// whole, or readings of sensors that have no place, bring none.
    /// </summary>
    private async Task<List<Judgement>> JudgeAsync(NpgsqlConnection connection, List<GrowJob> jobs)
    {
        var metrics = (await LoadCatalogAsync(connection, default)).Metrics;
        var horizon = (await LoadStateAsync(connection, default)).RawHorizon;
        var ids = jobs.SelectMany(job => job.Batch.SensorIds.ToArray()).Distinct().ToArray();
        var known = (string[])(await ScalarAsync(
            connection,
            "SELECT ARRAY(SELECT sensor_id::text FROM tidemark.sensors WHERE sensor_id = ANY ($1))",
            default,
            [ids]))!;
        var places = known.Length == ids.Length
            ? 0
            : _options.MaxSensors - (long)(await ScalarAsync(connection, "SELECT count(*) FROM tidemark.sensors", default))!;
        var sensors = known.ToHashSet(StringComparer.Ordinal);
        var coming = new HashSet<string>(StringComparer.Ordinal);
        return jobs.ConvertAll(job =>
        {
            if (Earliest(job.Batch) is var earliest && earliest < horizon)
            {
                return new Judgement([], [], StoreException.OlderThanRetention(earliest, horizon.Value));
            }

            var (refused, allowed) = Judge(job.Batch, metrics, coming);
            var taken = Enumerable.Range(0, job.Batch.Count).Where(row => !refused.ContainsKey(row)
                && (sensors.Contains(job.Batch.SensorIds[row]) || (places > 0 && places-- > 0 && sensors.Add(job.Batch.SensorIds[row]))))
                .ToList();
            var brought = allowed.Where(m => taken.Exists(row => !double.IsNaN(job.Batch.Metric(m)[row])))
                .Select(m => job.Batch.Metrics[m]).ToList();
            coming.UnionWith(brought);
            return new Judgement(refused, brought, null);
        });
    }

    private static Instant Earliest(ReadingBatch batch)
    {
        var earliest = Instant.MaxValue.Micros;
        foreach (var time in batch.TimesMicros)
        {
            earliest = Math.Min(earliest, time);
        }

        return new Instant(earliest);
    }

    /// <returns>The readings that a metric's value refuses, and the places of metrics that are new and may come.</returns>
    private (SortedDictionary<int, RefusedReading> Refused, List<int> Allowed) Judge(
        ReadingBatch batch,
        MetricCatalog metrics,
        HashSet<string> coming)
    {
        var (refused, allowed) = (new SortedDictionary<int, RefusedReading>(), new List<int>());
        for (var m = 0; m < batch.MetricCount; m++)
        {
            var name = batch.Metrics[m];
            if (metrics.Find(name) is not null || coming.Contains(name) || !HasValues(batch, m))
            {
                continue;
            }

            var error = Metric.CheckName(name)
                ?? (_options.NewMetrics is NewMetrics.Refuse ? NewMetric.Refused(name, Schema) : null)
                ?? (metrics.All.Count + coming.Count + allowed.Count >= Places ? TooMany(name) : null);
            if (error is null)
            {
                allowed.Add(m);
                continue;
            }

            var values = batch.Metric(m);
            for (var row = 0; row < values.Length; row++)
            {
                if (!double.IsNaN(values[row]))
                {
                    refused.TryAdd(row, new RefusedReading(row, error));
                }
            }
        }

        return (refused, allowed);
    }

    internal static bool HasValues(ReadingBatch batch, int metric) => batch.Metric(metric).IndexOfAnyExcept(double.NaN) >= 0;

    /// <summary>Adds those that are not there, some in each transaction; what another process leaves no place for is left out.</summary>
    private async Task AddAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        if (names.All(name => _catalog.Metrics.Find(name) is not null))
        {
            return;
        }

        if (_addColumns)
        {
            while (await _database.ChangeAsync(connection => AddSomeAsync(connection, names, cancellationToken), cancellationToken))
            {
            }

            return;
        }

        // A refresh would find its aggregate gone.
        await _maintenance.WaitAsync(cancellationToken);
        try
        {
            await _database.ChangeAsync(connection => AddSomeAsync(connection, names, cancellationToken), cancellationToken);
        }
        finally
        {
            _maintenance.Release();
        }
    }

    /// <returns>Whether more may be left.</returns>
    private async Task<bool> AddSomeAsync(NpgsqlConnection connection, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        bool rebuilt;
        int left;
        string? fingerprint;
        await using (var transaction = await connection.BeginTransactionAsync(cancellationToken))
        {
            await BeginChangeAsync(connection, cancellationToken);
            var known = (await LoadCatalogAsync(connection, cancellationToken)).Metrics;
            var missing = names.Where(name => known.Find(name) is null).Take(Math.Max(0, Places - known.All.Count)).ToList();
            if (missing.Count == 0)
            {
                return false;
            }

            var some = missing.Take(_addColumns ? MetricsAtOnce : missing.Count).ToList();
            left = missing.Count - some.Count;
            fingerprint = await SettingAsync(connection, "fingerprint", cancellationToken);
            var aggregates = await AggregatesThereAsync(connection, cancellationToken);
            (var catalog, rebuilt) = await AddColumnsAsync(connection, aggregates, some, cancellationToken);
            if (rebuilt)
            {
                // Whoever opens the store settles it if this process can't.
                await ReconcileFleetAsync(connection, catalog.Sql, cancellationToken);
                await ReconcileJobsAsync(connection, cancellationToken);
                await ExecuteAsync(connection, "DELETE FROM tidemark.settings WHERE name = 'fingerprint'", cancellationToken);
            }

            await ExecuteAsync(connection, catalog.Sql.CreateNoteSensors(catalog.Metrics.Names), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await LoadCatalogAsync(connection, cancellationToken);
        if (rebuilt)
        {
            await LoadPoliciesAsync(connection, cancellationToken);
            await SettleAsync(connection, cancellationToken);
            await SetSettingAsync(connection, "fingerprint", fingerprint ?? "", cancellationToken);
        }

        return left > 0;
    }

    /// <summary>All that the store has just now: another process may have added one.</summary>
    private async Task<IReadOnlyList<AggregateDefinition>> AggregatesThereAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        var stored = await StoredAggregatesAsync(connection, cancellationToken);
        return [.. StoredDefinition.Complete(Schema, stored).Aggregates.Where(a => stored.Exists(s => s.Name == a.Name))];
    }

    /// <summary>
    /// Adds metrics to raw readings and to aggregates. Locks are waited for shortly, since whoever comes later waits behind: a failure is
    /// tried again.
    /// </summary>
    /// <returns>What the store will know, and whether the aggregates were made anew.</returns>
    private async Task<(Catalog Catalog, bool Rebuilt)> AddColumnsAsync(
        NpgsqlConnection connection,
        IReadOnlyList<AggregateDefinition> aggregates,
        IReadOnlyList<string> names,
        CancellationToken cancellationToken)
    {
        await LockAsync(connection, (await ReadCatalogAsync(connection, cancellationToken)).Sql, aggregates, cancellationToken);
        await AlterAsync(connection, TimescaleSql.AddRawColumns(names), cancellationToken);
        await NoteMetricsAsync(connection, names, cancellationToken);
        var catalog = await ReadCatalogAsync(connection, cancellationToken);
        if (aggregates.Count == 0)
        {
            return (catalog, false);
        }

        var retired = (int)(await ScalarAsync(connection, TimescaleSql.CountRetired, cancellationToken))!;
        if (!_addColumns || catalog.Metrics.All.Count + retired > MostMetrics)
        {
            return (await RebuildAggregatesAsync(connection, catalog, aggregates, cancellationToken), true);
        }

        foreach (var aggregate in aggregates)
        {
            await AlterAsync(connection, TimescaleSql.AddColumns(aggregate, names), cancellationToken);
        }

        if (catalog.Sql.FleetTable.Length > 0)
        {
            await AlterAsync(connection, TimescaleSql.AddFleetColumns(names), cancellationToken);
        }

        return (catalog, false);
    }

    /// <summary>Begins a change of tables: one at a time.</summary>
    private static Task BeginChangeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        => ExecuteAsync(connection, $"SET LOCAL lock_timeout = '200ms'; SELECT pg_advisory_xact_lock({InitializeLock})", cancellationToken);

    /// <summary>
    /// From here on no write is under way, so that each sees the metrics of one version, and no read: reads take tables in this order,
    /// so that none waits for what it holds back itself. All of it takes less than a second, or fails and is tried again.
    /// </summary>
    private static async Task LockAsync(
        NpgsqlConnection connection,
        TimescaleSql sql,
        IEnumerable<AggregateDefinition> aggregates,
        CancellationToken cancellationToken)
    {
        var tables = aggregates.Reverse().Select(sql.Table).Append(sql.FleetTable).Append(TimescaleSql.Raw).Where(t => t.Length > 0);
        await ExecuteAsync(
            connection,
            $"SET LOCAL lock_timeout = '200ms'; SELECT pg_advisory_xact_lock({WriteFence}); SET LOCAL lock_timeout = '100ms'",
            cancellationToken);
        await ExecuteAsync(connection, $"LOCK TABLE ONLY {string.Join(", ONLY ", tables)} IN ACCESS EXCLUSIVE MODE", cancellationToken);
    }
}
