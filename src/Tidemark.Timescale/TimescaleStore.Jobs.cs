using System.Globalization;
using Npgsql;
using Tidemark.Configuration;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // A refresh that is under way keeps this far from what retention drops meanwhile.
    private static readonly TimeSpan Margin = TimeSpan.FromHours(1);

    // How long raw readings (the empty name) and aggregates are kept by policies of the database, whoever made them.
    private Dictionary<string, TimeSpan> _policyRetention = [];

    /// <summary>
    /// Makes the database's own policies when it owns maintenance, and takes them away again when it no longer does. They keep to clauses 5
    /// and 6: windows end where buckets have closed, for an aggregate of an aggregate where its source is materialised, and begin where
    /// nothing was dropped.
    /// </summary>
    private async Task ReconcileJobsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var owns = _options.Maintenance == MaintenanceOwner.Database;
        if (!owns && await SettingAsync(connection, "jobs", cancellationToken) is null)
        {
            return;
        }

        await ExecuteAsync(
            connection,
            "SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE proc_schema = 'tidemark'",
            cancellationToken);
        await ExecuteAsync(connection, $"SELECT remove_compression_policy('{TimescaleSql.Raw}', if_exists => true), "
            + $"remove_retention_policy('{TimescaleSql.Raw}', if_exists => true)", cancellationToken);
        foreach (var view in (owns ? Schema : _kept).Aggregates.Select(a => Identifier.Quote(a.Table)).Append(TimescaleSql.FleetView))
        {
            await ExecuteAsync(connection, $"SELECT remove_continuous_aggregate_policy('{view}', if_exists => true), "
                + $"remove_retention_policy('{view}', if_exists => true)", cancellationToken);
        }

        if (!owns)
        {
            await ExecuteAsync(connection, "DELETE FROM tidemark.settings WHERE name = 'jobs'", cancellationToken);
            return;
        }

        await AddPoliciesAsync(connection, cancellationToken);
        await SetSettingAsync(connection, "jobs", "database", cancellationToken);
    }

    /// <summary>With a first start each is due from now on: one that no scheduler ever comes to is seen to be late.</summary>
    private async Task AddPoliciesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var stored = await SettingAsync(connection, "raw_horizon", cancellationToken) is { } text
            ? new Instant(long.Parse(text, CultureInfo.InvariantCulture))
            : (Instant?)null;
        foreach (var aggregate in Schema.Aggregates)
        {
            await AddPoliciesAsync(
                connection,
                aggregate,
                Identifier.Quote(aggregate.Table),
                StartOffset(aggregate, stored),
                EndOffset(aggregate),
                cancellationToken);
        }

        await AddPoliciesAsync(
            connection,
            Schema.Finest,
            TimescaleSql.FleetView,
            Schema.Finest.Retention - Margin,
            EndOffsetOver(Schema.Finest),
            cancellationToken);

        if (_options.CompressAfter is { } age)
        {
            await ExecuteAsync(
                connection,
                $"SELECT add_compression_policy('{TimescaleSql.Raw}', compress_after => {Interval(age)}, initial_start => now())",
                cancellationToken);
        }

        if (_options.Retention is { } retention)
        {
            await ExecuteAsync(
                connection,
                $"SELECT add_retention_policy('{TimescaleSql.Raw}', drop_after => {Interval(retention)}, initial_start => now())",
                cancellationToken);
        }

        await ExecuteAsync(connection, $"SELECT add_job('tidemark.forget', {Interval(TimeSpan.FromMinutes(1))})", cancellationToken);
    }

    private static async Task AddPoliciesAsync(
        NpgsqlConnection connection, AggregateDefinition aggregate, string view, TimeSpan? startOffset, TimeSpan endOffset,
        CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            connection,
            $"SELECT add_continuous_aggregate_policy('{view}', start_offset => {Interval(startOffset)}, end_offset => "
                + $"{Interval(endOffset)}, schedule_interval => {Interval(Every(aggregate))}, initial_start => now())",
            cancellationToken);
        if (aggregate.Retention is { } kept)
        {
            await ExecuteAsync(
                connection,
                $"SELECT add_retention_policy('{view}', drop_after => {Interval(kept)}, initial_start => now())",
                cancellationToken);
        }
    }

    /// <summary>Null where nothing that the aggregate is built from was ever dropped.</summary>
    private TimeSpan? StartOffset(AggregateDefinition aggregate, Instant? rawHorizon)
    {
        var kept = aggregate.Source is null ? _options.Retention : aggregate.Source.Retention;
        if (aggregate.Source is null && rawHorizon is { } horizon)
        {
            kept = kept is { } k && k < Now - horizon ? k : Now - horizon;
        }

        kept = aggregate.Retention is { } own && !(kept < own) ? own : kept;
        return kept - Margin;
    }

    private static TimeSpan EndOffset(AggregateDefinition aggregate)
        => aggregate.Source is { } source ? EndOffsetOver(source) : TimeSpan.Zero;

    /// <summary>Where the source has surely been refreshed.</summary>
    private static TimeSpan EndOffsetOver(AggregateDefinition source)
        => source.Bucket.Approximate + (2 * Every(source)) + EndOffset(source);

    /// <summary>A dozen times a bucket, at least each hour: what isn't materialised yet is in the answers' tail anyway.</summary>
    private static TimeSpan Every(AggregateDefinition aggregate)
        => TimeSpan.FromMinutes(Math.Clamp(Math.Floor(aggregate.Bucket.Approximate.TotalMinutes / 12), 1, 60));

    private static string Interval(TimeSpan? span) => span is { } s ? $"INTERVAL '{TimescaleSql.Micros(s)} microseconds'" : "NULL";

    private async Task LoadPoliciesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT coalesce(a.name, ''), (extract(epoch FROM (j.config ->> 'drop_after')::interval) * 1000000)::bigint
            FROM timescaledb_information.jobs j
            JOIN _timescaledb_catalog.hypertable h ON h.id = (j.config ->> 'hypertable_id')::integer
            LEFT JOIN tidemark.aggregates a ON a.materialization = h.id
            WHERE j.proc_name = 'policy_retention' AND (h.id = {_rawId} OR a.name IS NOT NULL)
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var retention = new Dictionary<string, TimeSpan>();
        while (await reader.ReadAsync(cancellationToken))
        {
            retention[reader.GetString(0)] = TimeSpan.FromMicroseconds(reader.GetInt64(1));
        }

        _policyRetention = retention;
    }

    public Task<IReadOnlyList<JobStatus>> ReadJobsAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync<IReadOnlyList<JobStatus>>(
            async connection => await JobsAsync(connection, cancellationToken),
            cancellationToken);
    }

    /// <summary>
    /// The database's jobs on this store: how they last went, and those that no longer run. A job that runs just now is due at minus
    /// infinity.
    /// </summary>
    private static async Task<List<JobStatus>> JobsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT CASE j.proc_name WHEN 'policy_refresh_continuous_aggregate' THEN 'refresh' WHEN 'policy_compression' THEN 'compress'
                WHEN 'policy_retention' THEN 'retain' ELSE j.proc_name::text END
                    || CASE WHEN a.fleet = m.id THEN ' fleet' ELSE coalesce(' ' || a.name, '') END,
                'every ' || j.schedule_interval, s.last_run_started_at,
                CASE t.trouble
                    WHEN 'paused' THEN 'stopped: it is not scheduled, start it with alter_job(' || j.job_id || ', scheduled => true)'
                    WHEN 'overdue' THEN 'stopped: it was due at ' || s.next_start
                        || ', look at the server''s log and at timescaledb.max_background_workers'
                    WHEN 'failed' THEN 'failed: ' || coalesce(
                        (SELECT split_part(e.err_message, E'\n', 1) FROM timescaledb_information.job_errors e WHERE e.job_id = j.job_id
                            ORDER BY e.start_time DESC LIMIT 1), 'see timescaledb_information.job_errors')
                    ELSE lower(s.last_run_status) END,
                coalesce(s.total_failures, 0), CASE WHEN j.scheduled AND s.next_start > '-infinity' THEN s.next_start END, t.trouble,
                coalesce(t.trouble = 'overdue' OR (j.scheduled AND s.total_failures > 0 AND s.last_run_status IS DISTINCT FROM 'Success'
                    AND coalesce(nullif(s.last_successful_finish, '-infinity'), j.initial_start, '-infinity') < now() - p.several), false)
            FROM timescaledb_information.jobs j
            LEFT JOIN timescaledb_information.job_stats s USING (job_id)
            CROSS JOIN LATERAL (SELECT coalesce((j.config ->> 'mat_hypertable_id')::integer,
                (j.config ->> 'hypertable_id')::integer) AS id) m
            LEFT JOIN tidemark.aggregates a ON m.id IN (a.materialization, a.fleet)
            CROSS JOIN LATERAL (SELECT 3 * greatest(j.schedule_interval, INTERVAL '10 minutes') AS several) p
            CROSS JOIN LATERAL (SELECT CASE
                WHEN NOT j.scheduled THEN 'paused'
                WHEN s.next_start > '-infinity' AND s.next_start < now() - p.several THEN 'overdue'
                WHEN s.last_run_status = 'Failed' THEN 'failed' END AS trouble) t
            WHERE j.proc_schema = 'tidemark' OR a.name IS NOT NULL OR (j.config ->> 'hypertable_id')::integer =
                (SELECT h.id FROM _timescaledb_catalog.hypertable h
                    WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = '{TimescaleSql.Raw}'::regclass)
            ORDER BY 1
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var jobs = new List<JobStatus>();
        while (await reader.ReadAsync(cancellationToken))
        {
            jobs.Add(new JobStatus(
                reader.GetString(0), reader.GetString(1), Finite(reader.GetInstantOrNull(2)),
                reader.IsDBNull(3) ? null : reader.GetString(3), reader.GetInt64(4), Finite(reader.GetInstantOrNull(5)),
                reader.IsDBNull(6) ? JobState.Ok : reader.GetString(6) == "failed" ? JobState.Failed : JobState.Stopped)
            {
                Overdue = reader.GetBoolean(7),
            });
        }

        return jobs;
    }

    /// <summary>A job that never ran ended at minus infinity.</summary>
    private static Instant? Finite(Instant? instant) => instant >= Instant.MinValue && instant <= Instant.MaxValue ? instant : null;
}
