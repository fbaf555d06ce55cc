using System.Runtime.Versioning;
using Npgsql;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Grafana;

/// <summary>The role that deploy/grafana/set-up.sh makes reads what the dashboards need, and writes nothing.</summary>
[Collection(GrafanaStores.Name)]
[UnsupportedOSPlatform("windows")]
public sealed class ReaderTests(GrafanaStores stores)
{
    private const string Denied = "42501";

    [Fact]
    public async Task It_reads_readings_and_every_aggregate()
    {
        await using var reader = await OpenAsync(stores.Reader());
        Assert.Equal("tidemark_reader", await AskAsync(reader, "SELECT current_user::text"));
        foreach (var table in new[] { "sensor_data", "sensor_data_hourly", "sensor_data_daily", "sensor_data_monthly" })
        {
            Assert.True((long)(await AskAsync(reader, $"SELECT count(*) FROM {table}"))! > 0, table);
        }
    }

    [Theory]
    [InlineData("INSERT INTO sensor_data (time, sensor_id, temperature) VALUES (now(), 'x', 1)")]
    [InlineData("UPDATE sensor_data SET temperature = 1")]
    [InlineData("DELETE FROM sensor_data")]
    [InlineData("DELETE FROM tidemark.sensors")]
    [InlineData("TRUNCATE sensor_data")]
    [InlineData("DROP TABLE sensor_data")]
    [InlineData("DROP MATERIALIZED VIEW sensor_data_hourly")]
    [InlineData("CREATE TABLE mine (a integer)")]
    [InlineData("SELECT count(*) FROM tidemark.documents")]
    [InlineData("SELECT count(*) FROM tidemark.settings")]
    [InlineData("SELECT pg_read_file('/etc/passwd')")]
    [InlineData("CREATE ROLE another")]
    public async Task It_may_do_nothing_else_even_where_it_asks_for_a_transaction_that_writes(string statement)
    {
        await using var reader = await OpenAsync(stores.Reader());
        await AskAsync(reader, "SET default_transaction_read_only = off");
        var refused = await Assert.ThrowsAsync<PostgresException>(() => AskAsync(reader, statement));
        Assert.Equal(Denied, refused.SqlState);
    }

    [Fact]
    public async Task Its_sessions_are_bounded()
    {
        await using var owner = await OpenAsync(stores.Owner());
        Assert.Equal(
            "{default_transaction_read_only=on,statement_timeout=30s,idle_in_transaction_session_timeout=1min,search_path=public}",
            await AskAsync(owner, "SELECT rolconfig::text FROM pg_roles WHERE rolname = 'tidemark_reader'"));
        Assert.Equal(
            "10 false false false false",
            await AskAsync(owner, """
                SELECT format('%s %s %s %s %s', rolconnlimit, rolsuper::text, rolcreaterole::text, rolcreatedb::text, rolbypassrls::text)
                FROM pg_roles WHERE rolname = 'tidemark_reader'
                """));
    }

    [Fact]
    public async Task It_reads_what_is_made_after_it()
    {
        await using var owner = await OpenAsync(stores.Owner());
        await AskAsync(owner, """
            CREATE MATERIALIZED VIEW later WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
            SELECT time_bucket('2 hours', time) AS bucket, sensor_id, count(*) AS reading_count FROM sensor_data GROUP BY 1, 2 WITH NO DATA
            """);
        await using var reader = await OpenAsync(stores.Reader());
        Assert.True((long)(await AskAsync(reader, "SELECT count(*) FROM later"))! > 0);
        await AskAsync(owner, "DROP MATERIALIZED VIEW later");
    }

    [Fact]
    public async Task The_script_says_what_it_made_and_may_run_again()
    {
        Assert.StartsWith("created the role tidemark_reader, and in ", stores.SetUp, StringComparison.Ordinal);
        Assert.Equal(
            "docker exec -i -e TIDEMARK_READER_PASSWORD timescaledb psql -X -q -v ON_ERROR_STOP=1 -U postgres -d iotdata",
            stores.Command);
        var password = stores.ReaderPassword;
        Assert.Matches("^[0-9a-f]{48}$", password);
        Assert.Equal(stores.SetUp, await stores.SetUpAsync());
        Assert.Equal(password, stores.ReaderPassword);
        await It_reads_readings_and_every_aggregate();
    }

    [Fact]
    public async Task Without_a_store_it_says_what_comes_first()
    {
        using var folder = new DeployFolder();
        var result = await Tool.RunAsync(folder.PathOf("../grafana/set-up.sh"));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("run create-env.sh and start the store first", result.Error, StringComparison.Ordinal);
    }

    /// <summary>What docs/grafana.md says for a server without this folder's compose file.</summary>
    [Fact]
    public async Task The_page_s_command_makes_it_too()
    {
        var command = Block("psql -X")
            .Replace("TIDEMARK_READER_PASSWORD=…", $"TIDEMARK_READER_PASSWORD={stores.ReaderPassword}", StringComparison.Ordinal)
            .Replace("postgresql://postgres@127.0.0.1:5433/iotdata", stores.Address, StringComparison.Ordinal);
        Assert.Contains(stores.Address, command, StringComparison.Ordinal);
        var result = await Tool.RunAsync(
            "sh",
            ["-c", command],
            Repository.PathOf("deploy/grafana"),
            null,
            [("PGPASSWORD", new NpgsqlConnectionStringBuilder(stores.Owner().ConnectionString).Password ?? "any")]);
        Assert.True(result.ExitCode == 0, result.Error);
        await It_reads_readings_and_every_aggregate();
    }

    [Fact]
    public async Task The_page_s_command_puts_a_key_where_compose_yaml_expects_it()
    {
        using var folder = new DeployFolder();
        Assert.Equal(0, (await folder.CreateEnvAsync()).ExitCode);
        await File.WriteAllTextAsync(folder.PathOf("secrets/grafana_key"), "none");
        var tools = Directory.CreateDirectory(folder.PathOf("tools")).FullName;
        await File.WriteAllTextAsync($"{tools}/docker", "#!/bin/sh\necho \"$*\" >&2\necho tmk_1\n");
        File.SetUnixFileMode($"{tools}/docker", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var result = await Tool.RunAsync(
            "sh",
            ["-c", Block("(umask 077;").Split('\n')[0]],
            folder.Path,
            null,
            [("PATH", $"{tools}:{Environment.GetEnvironmentVariable("PATH")}")]);
        Assert.Equal((0, "compose exec -T api tidemark key add grafana --scope read\n"), (result.ExitCode, result.Error));
        Assert.Equal("tmk_1", await File.ReadAllTextAsync(folder.PathOf("secrets/grafana_key")));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
            File.GetUnixFileMode(folder.PathOf("secrets/grafana_key")));
    }

    /// <summary>The page's only block of commands that has a text.</summary>
    private static string Block(string part) => Assert.Single(
        Repository.Read("docs/grafana.md").Split("```bash\n").Skip(1).Select(b => b.Split("```")[0]),
        b => b.Contains(part, StringComparison.Ordinal));

    private static async Task<NpgsqlConnection> OpenAsync(NpgsqlConnection connection)
    {
        await connection.OpenAsync();
        return connection;
    }

    private static async Task<object?> AskAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync();
    }
}
