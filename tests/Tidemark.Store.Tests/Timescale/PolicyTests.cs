using Npgsql;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>The database's own maintenance: its policies, what they leave, and what they may have done.</summary>
public sealed class PolicyTests : TimescaleTest
{
    private static Instant OldChunk => BucketWidth.Fixed(TimeSpan.FromDays(1)).Floor(Now - TimeSpan.FromDays(30));

    [Fact]
    public async Task Policies_of_the_database_refresh_and_late_writes_are_pending_until_they_did()
    {
        await using var store = await OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(60) }, MaintenanceOwner.Database);
        var jobs = (await store.ReadStatusAsync(Token)).Jobs.Select(j => j.Name);
        Assert.Equal(
            ["compress", "forget", "refresh daily", "refresh fleet", "refresh hourly", "refresh monthly", "refresh peak_hours", "retain"],
            jobs);
        var hour = BucketWidth.Fixed(TimeSpan.FromHours(1)).Floor(Now);
        await store.WriteAsync(Batch(
            (hour - TimeSpan.FromDays(40), "a", 1),
            (hour - TimeSpan.FromDays(3), "a", 1),
            (hour - TimeSpan.FromMinutes(1), "a", 2),
            (hour, "a", 3)), Token);
        await RunJobsAsync();
        Assert.Equal(hour, (await AnswerAsync(store, "hourly")).Watermark);
        Assert.Equal([1, 1, 1, 1], (await AnswerAsync(store, "hourly")).Rows.Select(r => r.ReadingCount));
        Assert.False((await AnswerAsync(store, "monthly")).Pending);

        await store.WriteAsync(Batch((hour - TimeSpan.FromDays(3) + TimeSpan.FromMinutes(1), "a", 5)), Token);
        Assert.True((await AnswerAsync(store, "daily")).Pending);
        Assert.Equal(5, (await store.SensorsAsync(Token)).Single().TotalReadings + 1);
        await RunJobsAsync();
        Assert.False((await AnswerAsync(store, "daily")).Pending);
        Assert.Equal(5, (await AnswerAsync(store, "hourly")).Rows.Sum(r => r.ReadingCount));
        Assert.Equal(5, (await AnswerAsync(store, "daily")).Rows.Sum(r => r.ReadingCount));
        Assert.Equal(5, (await store.SensorsAsync(Token)).Single().TotalReadings);
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
    }

    [Fact]
    public async Task The_databases_scheduler_keeps_aggregates_current_and_compresses()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.Database);
        await store.WriteAsync(Series(OldChunk, 4000), Token);
        await store.WriteAsync(Series(Now - TimeSpan.FromHours(5), 720), Token);
        var asked = DateTimeOffset.UtcNow;
        await ExecuteAsync("SELECT alter_job(job_id, next_start => now()) FROM timescaledb_information.jobs WHERE job_id >= 1000");
        await UntilAsync(
            $"""
            SELECT bool_and(coalesce(s.last_run_status = 'Success' AND s.last_run_started_at > '{asked:O}', false))
            FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s USING (job_id) WHERE j.job_id >= 1000
            """);

        var status = await store.ReadStatusAsync(Token);
        Assert.All(status.Aggregates, aggregate => Assert.True(aggregate.LastRefresh > Now));
        Assert.All(status.Jobs, job => Assert.Equal((JobState.Ok, "success"), (job.State, job.LastOutcome)));
        Assert.True(status.Aggregates.Single(a => a.Name == "hourly").Watermark > Now - TimeSpan.FromHours(2));
        Assert.Contains(status.Chunks, chunk => chunk.Compressed);
        Assert.Equal(4720, (await AnswerAsync(store, "hourly")).Rows.Sum(r => r.ReadingCount));
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
        Assert.Equal(2500, await LargestBatchAsync());
    }

    [Fact]
    public async Task Compressed_batches_hold_as_many_readings_as_fill_pages()
    {
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.External);
        await store.WriteAsync(Series(OldChunk, 4000), Token);
        await store.CompressAsync(null, Token);
        // The WebAssembly build is of a version that allows no more.
        var most = (int)(await ScalarAsync(
            "SELECT least(2500, max_val::integer) FROM pg_settings WHERE name = 'timescaledb.compression_batch_size_limit'"))!;
        Assert.Equal(most, await LargestBatchAsync());
        Assert.Equal(
            $"{{timescaledb.compression_batch_size_limit={most}}}",
            await ScalarAsync("SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = "
                + "current_database()"));
    }

    [Fact]
    public async Task What_retention_may_have_dropped_by_itself_is_refused()
    {
        await using var store = await OpenAsync(new StoreSettings { Retention = TimeSpan.FromDays(60) }, MaintenanceOwner.Database);
        var horizon = (await store.ReadRawHorizonAsync(Token))!.Value;
        Assert.InRange(Now - horizon, TimeSpan.FromDays(60), TimeSpan.FromDays(61));
        var error = await Assert.ThrowsAsync<StoreException>(
            () => store.WriteAsync(Batch((new Instant(horizon.Micros - 1), "a", 1)), Token));
        Assert.Equal(StoreErrorKind.OlderThanRetention, error.Kind);
    }

    [Fact]
    public async Task Another_owner_of_maintenance_has_no_policies()
    {
        await (await OpenAsync(new StoreSettings(), MaintenanceOwner.Database)).DisposeAsync();
        await using var store = await OpenAsync(new StoreSettings(), MaintenanceOwner.Server);
        Assert.Empty((await store.ReadStatusAsync(Token)).Jobs);
    }

    /// <summary>Of one sensor, every 20 seconds.</summary>
    private static ReadingBatch Series(Instant from, int count)
        => Batch([.. Enumerable.Range(0, count).Select(i => (from + TimeSpan.FromSeconds(20 * i), "a", (double)(i % 50)))]);

    private async Task<int> LargestBatchAsync()
    {
        var table = await ScalarAsync("SELECT format('%I.%I', c.schema_name, c.table_name) FROM _timescaledb_catalog.chunk c JOIN "
            + "_timescaledb_catalog.chunk r ON r.compressed_chunk_id = c.id ORDER BY c.id LIMIT 1");
        return (int)(await ScalarAsync($"SELECT max(_ts_meta_count) FROM {table}"))!;
    }

    private async Task UntilAsync(string condition)
    {
        for (var tries = 0; await ScalarAsync(condition) is not true; tries++)
        {
            Assert.True(tries < 900, condition);
            await Task.Delay(100, Token);
        }
    }

    /// <summary>Each job once, as the database's scheduler runs them.</summary>
    private async Task RunJobsAsync()
    {
        foreach (var name in new[] { "policy_refresh_continuous_aggregate", "forget" })
        {
            var ids = (int[])(await ScalarAsync(
                $"SELECT array_agg(job_id ORDER BY job_id) FROM timescaledb_information.jobs WHERE proc_name = '{name}'"))!;
            foreach (var id in ids)
            {
                await RunJobAsync(id);
            }
        }
    }

    /// <summary>A server's own scheduler may be running the same job just then.</summary>
    private async Task RunJobAsync(int id)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ExecuteAsync($"CALL run_job({id})");
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && attempt < 50)
            {
                await Task.Delay(100, Token);
            }
        }
    }
}
