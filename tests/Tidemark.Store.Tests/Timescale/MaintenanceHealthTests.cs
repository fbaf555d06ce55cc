using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Tidemark.Configuration;
using Tidemark.Server.Remote;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>What the health endpoint tells of jobs, the database's and the server's own, while every answer is 200.</summary>
public sealed class MaintenanceHealthTests : IAsyncLifetime
{
    private const string Ok = """{"state":"ok","problems":[]}""";

    // A server maintains embedded stores itself unless told of a database.
    private static readonly KeyValuePair<string, string?> Database = new("store", "postgresql://127.0.0.1/template1");

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 22, 10, 30, 0, TimeSpan.Zero));
    private TimescaleDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        await SchedulerAsync(start: false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await SchedulerAsync(start: true);
            await _database.DisposeAsync();
        }
    }

    [Fact]
    public async Task Policies_that_stopped_are_named_and_the_server_stays_healthy()
    {
        await using var served = await StartAsync(MaintenanceOwner.Database);
        Assert.Equal(Ok, await MaintenanceAsync(served));
        Assert.All(await served.Store.ReadJobsAsync(Token), job => Assert.NotNull(job.NextRun));

        await ExecuteAsync(
            "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'");
        await ExecuteAsync("SELECT alter_job(job_id, next_start => now() - INTERVAL '1 day') FROM timescaledb_information.jobs WHERE "
            + "proc_schema = 'tidemark'");
        const string Late = """{"state":"late","problems":["compress has stopped","forget has stopped"]}""";
        Assert.Equal(Late, await MaintenanceAsync(served));
        var (_, status) = await served.GetAsync("/api/status");
        var told = status["jobs"]!.AsArray().Where(j => j!["state"]!.GetValue<string>() == "stopped")
            .Select(j => j!["last_outcome"]!.GetValue<string>())
            .ToList();
        Assert.StartsWith("stopped: it is not scheduled, start it with alter_job(", told[0], StringComparison.Ordinal);
        Assert.StartsWith("stopped: it was due at 20", told[1], StringComparison.Ordinal);

        // A server over this one's store tells of the same.
        await using var behind = await ServedStore.StartAsync(
            await HttpTelemetryStore.ConnectAsync(served.Client.BaseAddress!, null, Token),
            _clock);
        Assert.Equal(Late, await MaintenanceAsync(behind));

        await ExecuteAsync("SELECT alter_job(job_id, scheduled => true, next_start => now() + INTERVAL '1 hour') FROM "
            + "timescaledb_information.jobs WHERE job_id >= 1000");
        Assert.Equal(Ok, await MaintenanceAsync(served));
    }

    [Fact]
    public async Task A_policy_that_runs_is_no_trouble_and_one_that_fails_is_named()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var served = await StartAsync(MaintenanceOwner.Database);
        await ExecuteAsync("SELECT alter_job(job_id, next_start => now() + INTERVAL '1 hour') FROM timescaledb_information.jobs WHERE "
            + "proc_schema <> 'tidemark' AND job_id >= 1000");
        await ExecuteAsync("CREATE OR REPLACE PROCEDURE tidemark.forget(job_id integer DEFAULT NULL, config jsonb DEFAULT NULL) LANGUAGE "
            + "plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RAISE 'out of luck'; END $$");
        await SchedulerAsync(start: true);
        await UntilAsync("SELECT job_status = 'Running' FROM timescaledb_information.job_stats JOIN timescaledb_information.jobs USING "
            + "(job_id) WHERE proc_schema = 'tidemark'");
        Assert.Equal(Ok, await MaintenanceAsync(served));
        await UntilAsync("SELECT last_run_status = 'Failed' FROM timescaledb_information.job_stats JOIN timescaledb_information.jobs "
            + "USING (job_id) WHERE proc_schema = 'tidemark'");
        Assert.Equal("""{"state":"late","problems":["forget failed"]}""", await MaintenanceAsync(served));
        Assert.Equal("failed: out of luck", (await served.Store.ReadJobsAsync(Token)).Single(j => j.State == JobState.Failed).LastOutcome);
    }

    [Fact]
    public async Task A_server_does_the_work_of_jobs_that_fail_for_several_periods_until_they_run_again()
    {
        await using var served = await StartAsync(
            MaintenanceOwner.Database, Database, new("schedule:refresh", "* * * * *"), new("schedule:compress", "* * * * *"));
        var reading = new ReadingBatch([.. DefaultSchema.Metrics.Select(m => m.Name)]);
        reading.Add("a", Instant.Utc(2026, 11, 22, 8), [21, double.NaN, double.NaN]);
        await served.Store.WriteAsync(reading, Token);

        // One that failed once is late; a while later nobody has done its work.
        const string Refreshes = "j.proc_name = 'policy_refresh_continuous_aggregate'";
        await EndAsync("1 minute", succeeded: false, Refreshes);
        var late = """
            {"state":"late","problems":["refresh daily failed","refresh fleet failed","refresh hourly failed","refresh monthly failed"]}
            """;
        await AdvanceAsync();
        Assert.Equal(late, await MaintenanceAsync(served));
        Assert.All(await JobsAsync(served), j => Assert.False(j["overdue"]!.GetValue<bool>()));
        Assert.Null(await WatermarkAsync(served));

        await EndAsync("1 day", succeeded: false, Refreshes);
        late = late.Replace("failed", "failed, the server does its work", StringComparison.Ordinal);
        await AdvanceUntilAsync(served, late);
        var jobs = await JobsAsync(served);
        Assert.All(jobs.Where(j => j["name"]!.GetValue<string>().StartsWith("refresh ", StringComparison.Ordinal)).SkipLast(1), j =>
        {
            Assert.True(j["overdue"]!.GetValue<bool>());
            Assert.Equal(
                "failed: cannot drop portal \"\" while it is being set up, the server does its work",
                j["last_outcome"]!.GetValue<string>());
        });
        var own = jobs[^1];
        Assert.Equal(("refresh by the server", "ok"), (own["name"]!.GetValue<string>(), own["state"]!.GetValue<string>()));
        await AdvanceUntilAsync(async () => await WatermarkAsync(served) == "2026-11-22T09:00:00Z");

        // Who pauses a job means it: nobody stands in.
        const string Compressions = "FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'";
        await ExecuteAsync($"SELECT alter_job(job_id, scheduled => false) {Compressions}");
        await EndAsync("1 second", succeeded: true, Refreshes);
        await AdvanceUntilAsync(served, """{"state":"late","problems":["compress has stopped"]}""");
        await AdvanceUntilAsync(
            async () => (await JobsAsync(served)).All(j => !j["name"]!.GetValue<string>().EndsWith(" server", StringComparison.Ordinal)));
        await ExecuteAsync($"SELECT alter_job(job_id, scheduled => true) {Compressions}");
        await AdvanceUntilAsync(served, Ok);
    }

    [Fact]
    public async Task A_server_does_the_work_of_jobs_that_no_scheduler_comes_to()
    {
        await using var served = await StartAsync(MaintenanceOwner.Database, Database, new("schedule:retain", "* * * * *"));
        await ExecuteAsync(
            """
            SELECT alter_job(job_id, next_start => now() - INTERVAL '30 days') FROM timescaledb_information.jobs
            WHERE proc_name = 'policy_retention'
            """);
        await AdvanceUntilAsync(served, """{"state":"late","problems":["retain has stopped, the server does its work"]}""");
        await AdvanceUntilAsync(
            async () => (await JobsAsync(served))[^1]["last_outcome"]?.GetValue<string>()
                == "0 chunks with 0 readings and 0 buckets dropped");
    }

    [Fact]
    public async Task The_servers_own_schedule_counts_until_it_works_again()
    {
        await using var served = await StartAsync(
            MaintenanceOwner.Server,
            new("maintenance", "server"),
            new("schedule:refresh", "* * * * *"));
        Assert.Equal(Ok, await MaintenanceAsync(served));
        await ExecuteAsync(
            "CREATE FUNCTION tidemark.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$",
            "CREATE TRIGGER refuse BEFORE UPDATE ON tidemark.aggregates EXECUTE FUNCTION tidemark.refuse()");
        await AdvanceUntilAsync(served, """{"state":"late","problems":["refresh failed"]}""");
        await ExecuteAsync("DROP TRIGGER refuse ON tidemark.aggregates");
        await AdvanceUntilAsync(served, Ok);
    }

    private async Task<ServedStore> StartAsync(MaintenanceOwner owner, params KeyValuePair<string, string?>[] settings)
        => await ServedStore.StartAsync(
            await TimescaleStore.OpenAsync(
                new TimescaleOptions
                {
                    Connection = _database.ConnectionString,
                    Schema = OptionsLoader.Load(null, []).Schema,
                    Maintenance = owner,
                    Retention = TimeSpan.FromDays(400)
                }, Token),
            _clock,
            settings);

    private static async Task<string> MaintenanceAsync(ServedStore served)
    {
        var (status, answer) = await served.GetAsync("/api/health");
        Assert.Equal((200, "healthy"), (status, answer["status"]?.GetValue<string>()));
        return answer["maintenance"]!.ToJsonString();
    }

    private static async Task<List<JsonNode>> JobsAsync(ServedStore served)
        => [.. (await served.GetAsync("/api/status")).Body["jobs"]!.AsArray().Select(j => j!)];

    private static async Task<string?> WatermarkAsync(ServedStore served)
        => (await served.GetAsync("/api/status")).Body["aggregates"]![0]!["watermark"]?.GetValue<string>();

    /// <summary>Lets jobs have ended just now, as the database's workers note it, after their last success so long ago.</summary>
    private Task EndAsync(string lastSuccess, bool succeeded, string jobs)
        => ExecuteAsync(
            $"""
            INSERT INTO _timescaledb_internal.bgw_job_stat_history (job_id, pid, execution_start, execution_finish, succeeded, data)
            SELECT job_id, 1, now(), now(), {succeeded},
                jsonb_build_object('error_data', jsonb_build_object('message', 'cannot drop portal "" while it is being set up'))
            FROM timescaledb_information.jobs j WHERE {jobs}
            """,
            $"""
            UPDATE _timescaledb_internal.bgw_job_stat s SET last_start = now() - INTERVAL '1 second', last_finish = now(),
                next_start = now() + INTERVAL '1 hour', last_successful_finish = now() - INTERVAL '{lastSuccess}',
                last_run_success = {succeeded}, total_failures = total_failures + 1
            FROM timescaledb_information.jobs j WHERE j.job_id = s.job_id AND {jobs}
            """);

    private async Task AdvanceAsync()
    {
        _clock.Advance(TimeSpan.FromMinutes(1));
        await Task.Delay(100, Token);
    }

    private Task AdvanceUntilAsync(ServedStore served, string maintenance)
        => AdvanceUntilAsync(async () => await MaintenanceAsync(served) == maintenance, maintenance);

    /// <summary>A minute of the server's clock at a time.</summary>
    private async Task AdvanceUntilAsync(Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string? told = null)
    {
        for (var minutes = 0; !await condition(); minutes++)
        {
            Assert.True(minutes < 100, $"{told} did not come");
            await AdvanceAsync();
        }
    }

    private async Task UntilAsync(string condition)
    {
        for (var tries = 0; await ScalarAsync(condition) is not true; tries++)
        {
            Assert.True(tries < 600, condition);
            await Task.Delay(100, Token);
        }
    }

    /// <summary>The database's jobs run only when a test wants it.</summary>
    private async Task SchedulerAsync(bool start)
    {
        if (_database.IsReal)
        {
            await ExecuteAsync($"SELECT _timescaledb_functions.{(start ? "start" : "stop")}_background_workers()");
        }
    }

    private async Task ExecuteAsync(params string[] statements)
    {
        foreach (var sql in statements)
        {
            await ScalarAsync(sql);
        }
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(CancellationToken.None);
    }
}
