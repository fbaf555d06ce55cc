using System.Collections.Concurrent;
using Npgsql;

namespace Tidemark.Timescale;

/// <summary>
/// How metrics come: before the write that brings them, in a transaction of its own that takes milliseconds. Writes that need none go on
/// meanwhile; what others wait for is waited for shortly and tried again.
/// </summary>
public sealed partial class TimescaleStore
{
    // A statement takes longer the more columns it adds and the table has: a tenth of a second each with these.
    private const int MetricsAtOnce = 10;

    private readonly ConcurrentQueue<GrowJob> _comers = new();
    private readonly SemaphoreSlim _growth = new(1);

    private sealed record GrowJob(ReadingBatch Batch)
    {
        public TaskCompletionSource<SortedDictionary<int, RefusedReading>> Done { get; }
            = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

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
