using System.Data.Common;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// backup.sh, restore.sh, role.sql and the SQL of docs/operations.md on the server of <c>TIDEMARK_TEST_TIMESCALE</c>, a
/// connection string of a superuser; each test makes databases of its own. Skipped by name without one.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class TimescaleOperationsTests : IAsyncLifetime
{
    /// <summary>What the exercise makes, and a role that owns it, as in the container.</summary>
    private const string Exercise = """
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        SET ROLE :"owner";
        CREATE TABLE sensor_data (
            time timestamptz NOT NULL, sensor_id varchar(50) NOT NULL,
            temperature double precision, humidity double precision, pressure double precision, UNIQUE (sensor_id, time));
        SELECT create_hypertable('sensor_data', 'time');
        INSERT INTO sensor_data
        SELECT t, 'sensor_' || s, s + extract(hour FROM t), 50, 1000
        FROM generate_series('2026-01-01'::timestamptz, '2026-02-01', '10 minutes') AS t, generate_series(1, 3) AS s;
        CREATE MATERIALIZED VIEW sensor_data_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT time_bucket('1 hour', time) AS bucket, sensor_id, avg(temperature) AS avg_temperature, count(*) AS reading_count
        FROM sensor_data GROUP BY bucket, sensor_id WITH NO DATA;
        CALL refresh_continuous_aggregate('sensor_data_hourly', NULL, '2026-01-25');
        ALTER TABLE sensor_data SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_id');
        SELECT compress_chunk(c) FROM show_chunks('sensor_data', older_than => '2026-01-15'::timestamptz) AS c;
        SELECT add_compression_policy('sensor_data', INTERVAL '7 days');
        SELECT add_retention_policy('sensor_data', INTERVAL '20 years');
        SELECT add_continuous_aggregate_policy('sensor_data_hourly', INTERVAL '3 days', INTERVAL '1 hour', INTERVAL '1 hour');
        """;

    /// <summary>Everything that has to be the same afterwards, one line each.</summary>
    private const string Contents = """
        SELECT count(*), sum(temperature), min(time), max(time) FROM sensor_data;
        SELECT count(*), sum(reading_count), sum(avg_temperature) FROM sensor_data_hourly;
        SELECT _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(mat_hypertable_id))
            FROM _timescaledb_catalog.continuous_agg;
        SELECT hypertable_name, owner, num_chunks, compression_enabled FROM timescaledb_information.hypertables ORDER BY 1;
        SELECT view_name, view_owner, materialized_only FROM timescaledb_information.continuous_aggregates;
        SELECT hypertable_name, range_start, range_end, is_compressed FROM timescaledb_information.chunks ORDER BY 1, 2;
        SELECT proc_name, schedule_interval, config, owner, scheduled FROM timescaledb_information.jobs WHERE job_id >= 1000
            ORDER BY proc_name;
        SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database();
        SELECT extversion, current_setting('timescaledb.restoring') FROM pg_extension WHERE extname = 'timescaledb';
        """;

    private readonly string _name = $"tidemark_backup_{Guid.NewGuid():N}"[..40];
    private readonly DeployFolder _folder = new();
    private DbConnectionStringBuilder? _server;

    private string Restored => $"{_name}_restored";

    private string Backups => _folder.PathOf("backups");

    public async ValueTask InitializeAsync()
    {
        var text = System.Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE");
        Assert.SkipWhen(string.IsNullOrEmpty(text), "TIDEMARK_TEST_TIMESCALE names no TimescaleDB server");
        Tool.Require(Tool.Find("psql") is not null && Tool.Find("pg_dump") is not null, "PostgreSQL's client");
        _server = new DbConnectionStringBuilder { ConnectionString = text };
        await SqlAsync("postgres", $"CREATE ROLE {_name} LOGIN;\nCREATE DATABASE {_name};");
        await SqlAsync(_name, $"ALTER DATABASE {_name} OWNER TO {_name};\n\\set owner {_name}\n{Exercise}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await SqlAsync("postgres", $"DROP DATABASE IF EXISTS {Restored} WITH (FORCE);\nDROP DATABASE IF EXISTS {_name} WITH "
                + $"(FORCE);\nDROP ROLE IF EXISTS {_name};");
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task A_restored_backup_equals_what_was_backed_up_and_lives_on()
    {
        var file = await BackUpAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var restore = await RunAsync("restore.sh", file, Restored);
        Assert.Equal((0, $"restored {file} into the database {Restored}\n"), (restore.ExitCode, restore.Output));

        Assert.Equal(await SqlAsync(_name, Contents), await SqlAsync(Restored, Contents));

        // Late readings into a compressed chunk, a bounded refresh and a policy's run all work on what was restored.
        const string LiveOn = """
            INSERT INTO sensor_data VALUES ('2026-01-02 03:04:05+00', 'sensor_1', 99, 50, 1000);
            CALL refresh_continuous_aggregate('sensor_data_hourly', '2026-01-02', '2026-01-03');
            SELECT max(reading_count) FROM sensor_data_hourly WHERE sensor_id = 'sensor_1' AND bucket = '2026-01-02 03:00:00+00';
            SELECT format('CALL run_job(%s)', job_id) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' \gexec
            SELECT bool_and(is_compressed) FROM timescaledb_information.chunks WHERE hypertable_name = 'sensor_data';
            """;
        Assert.Equal("7\nt\n", await SqlAsync(Restored, LiveOn));
    }

    /// <summary>The steps of docs/operations.md that put a restored database in the place of the old one.</summary>
    [Fact]
    public async Task A_restored_database_takes_the_old_one_s_place_and_its_policies_run()
    {
        await RunAsync("restore.sh", await BackUpAsync(), Restored);
        await SqlAsync("postgres", $"ALTER DATABASE {_name} RENAME TO {_name}_before;\nALTER DATABASE {Restored} RENAME TO {_name};");
        try
        {
            await SqlAsync(_name, "SELECT _timescaledb_functions.start_background_workers();");
            var scheduler = "";
            for (var tries = 0; scheduler.Length == 0 && tries < 100; tries++)
            {
                await Task.Delay(100);
                scheduler = await SqlAsync(_name, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND backend_type "
                    + "LIKE 'TimescaleDB Background Worker Scheduler%';");
            }

            Assert.Equal("1\n", scheduler);
        }
        finally
        {
            await SqlAsync("postgres", $"DROP DATABASE {_name}_before WITH (FORCE);");
        }
    }

    [Fact]
    public async Task A_backup_that_is_broken_leaves_no_database_behind()
    {
        var file = await BackUpAsync();
        await using (var stream = File.OpenWrite(file))
        {
            stream.SetLength(stream.Length / 2);
        }

        var result = await RunAsync("restore.sh", file, Restored);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal("", await SqlAsync("postgres", $"SELECT 1 FROM pg_database WHERE datname = '{Restored}';"));
    }

    [Fact]
    public async Task A_database_that_is_there_already_stays_as_it_is()
    {
        var file = await BackUpAsync();
        var result = await RunAsync("restore.sh", file, _name);
        Assert.Equal(
            (1, $"restore.sh: the database {_name} is there already: name another one, or drop it first\n"),
            (result.ExitCode, result.Error));
        Assert.StartsWith("13395|", await SqlAsync(_name, Contents), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_version_that_the_server_lacks_is_named()
    {
        var file = await BackUpAsync();
        var other = Path.Combine(Backups, "iotdata-20260101T000000Z-timescaledb-1.0.0.dump");
        File.Move(file, other);
        var result = await RunAsync("restore.sh", other, Restored);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("restore.sh: the server has no TimescaleDB 1.0.0", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_latest_backups_are_kept()
    {
        Directory.CreateDirectory(Backups);
        var others = Enumerable.Range(1, 3).Select(day => $"{_name}-2026010{day}T000000Z-timescaledb-2.28.0.dump")
            .Append("another-20260101T000000Z-timescaledb-2.28.0.dump")
            .ToList();
        others.ForEach(name => File.WriteAllText(Path.Combine(Backups, name), ""));

        var file = await BackUpAsync(("TIDEMARK_BACKUPS_KEPT", "2"));
        Assert.Equal(
            [others[3], others[2], Path.GetFileName(file)],
            Directory.GetFiles(Backups).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_SQL_of_the_operations_page_runs()
    {
        var blocks = SqlBlock().Matches(Repository.Read("docs/operations.md")).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(3, blocks.Count);
        await SqlAsync(_name, string.Join('\n', blocks));
    }

    /// <summary>The image runs the script when it creates the volume; here a role and a pass file stand for the real ones.</summary>
    [Fact]
    public async Task The_role_owns_its_database_and_logs_in_with_the_password_of_the_pass_file_alone()
    {
        await _folder.CreateEnvAsync();
        var passFile = _folder.PathOf("secrets/pgpass");
        var password = File.ReadAllText(passFile).TrimEnd('\n').Split(':')[4];
        var (role, database) = ($"{_name}_role", $"{_name}_fresh");
        await SqlAsync("postgres", $"CREATE DATABASE {database};");
        try
        {
            var script = File.ReadAllText(_folder.PathOf("role.sql")).Replace("tidemark", role).Replace("/run/secrets/pgpass", passFile);
            await SqlAsync(database, $"{script}\nCREATE SCHEMA {role} AUTHORIZATION {role};");
            Task<CliResult> LogInAsync(string with) => Tool.RunAsync(
                "psql", ["-X", "-A", "-t", "-c", "CREATE TABLE t (); SELECT pg_get_userbyid(datdba), usesuper, current_schema FROM "
                    + "pg_database, pg_user WHERE datname = current_database() AND usename = current_user"],
                null, null, [.. ServerOf(database), ("PGUSER", role), ("PGPASSWORD", with)]);

            Assert.NotEqual(0, (await LogInAsync("another")).ExitCode);
            Assert.Equal($"CREATE TABLE\n{role}|f|public\n", (await LogInAsync(password)).Output);
        }
        finally
        {
            await SqlAsync("postgres", $"DROP DATABASE {database} WITH (FORCE);\nDROP ROLE IF EXISTS {role};");
        }
    }

    private async Task<string> BackUpAsync(params (string, string?)[] environment)
    {
        var result = await Tool.RunAsync(_folder.PathOf("backup.sh"), [], null, null, [.. ServerOf(_name), .. environment]);
        Assert.True(result.ExitCode == 0, result.Error);
        var file = result.Output.TrimEnd('\n');
        Assert.Equal(Backups, Path.GetDirectoryName(file));
        return file;
    }

    private Task<CliResult> RunAsync(string script, params string[] arguments)
        => Tool.RunAsync(_folder.PathOf(script), arguments, null, null, ServerOf("postgres"));

    private async Task<string> SqlAsync(string database, string statements)
    {
        var result = await Tool.RunAsync("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"], null, statements, ServerOf(database));
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output;
    }

    private IEnumerable<(string, string?)> ServerOf(string database) =>
    [
        ("PGHOST", $"{_server!["Host"]}"), ("PGPORT", _server.TryGetValue("Port", out var port) ? $"{port}" : "5432"),
        ("PGUSER", $"{_server["Username"]}"), ("PGPASSWORD", $"{_server["Password"]}"), ("PGDATABASE", database), ("PGTZ", "UTC"),
    ];

    [GeneratedRegex("```sql\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex SqlBlock();
}
