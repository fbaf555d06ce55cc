using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Tidemark.App.Tests.Cli;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/docker/compose.yaml as <c>docker compose config</c> reads it, which needs no engine.</summary>
public sealed class ComposeTests : IDisposable
{
    private readonly DeployFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_service_keeps_the_policy()
    {
        var config = await CreatedAsync();
        Assert.Equal(
            ["api", "maintain", "refresh", "timescaledb"],
            config.GetProperty("services").EnumerateObject().Select(s => s.Name).Order());
        Assert.Empty(ComposePolicy.Breaches(config));
    }

    /// <summary>As docs/grafana.md has it started.</summary>
    [Fact]
    public async Task Grafana_beside_them_keeps_the_policy_too()
    {
        await _folder.CreateEnvAsync();
        var result = await _folder.ConfigAsync(["--file", "compose.yaml", "--file", "../grafana/compose.yaml"], "--format", "json");
        Assert.True(result.ExitCode == 0, result.Error);
        var config = JsonDocument.Parse(result.Output).RootElement;
        Assert.Empty(ComposePolicy.Breaches(config));
        var grafana = config.GetProperty("services").GetProperty("grafana");
        Assert.Equal("472:0", ComposePolicy.Text(grafana, "user"));
        Assert.All(
            ComposePolicy.Items(grafana, "volumes").Where(v => ComposePolicy.Text(v, "type") == "bind"),
            v => Assert.True(Directory.Exists(ComposePolicy.Text(v, "source")), $"{v}"));
        Assert.Equal(
            ["grafana_admin_password", "grafana_key", "grafana_reader_password"],
            ComposePolicy.Items(grafana, "secrets").Select(s => ComposePolicy.Text(s, "source")).Order());
        Assert.Contains(
            "docker compose -f compose.yaml -f ../grafana/compose.yaml up -d --wait\n",
            Repository.Read("docs/grafana.md"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("timescale/timescaledb:2.32.0-pg17", "timescale/timescaledb:latest-pg17", "timescaledb has an image of an exact version")]
    [InlineData("127.0.0.1:${TIMESCALEDB_PORT", "${TIMESCALEDB_PORT", "timescaledb publishes ports on 127.0.0.1 alone")]
    [InlineData("127.0.0.1:${TIDEMARK_PORT", "0.0.0.0:${TIDEMARK_PORT", "api publishes ports on 127.0.0.1 alone")]
    [InlineData("user: postgres", "user: root", "timescaledb runs as a user")]
    [InlineData("    container_name: timescaledb", "    privileged: true", "timescaledb runs as a user")]
    [InlineData("cap_drop: [ALL]", "cap_drop: [NET_RAW]", "api keeps no capability")]
    [InlineData("    user: postgres", "    cap_add: [SYS_ADMIN]", "timescaledb keeps no capability")]
    [InlineData("no-new-privileges:true", "no-new-privileges:false", "api gains no rights")]
    [InlineData("read_only: true", "read_only: false", "api has a root file system that is not written")]
    [InlineData("/tmp:size=64m,mode=1777", "/tmp:mode=1777", "api bounds its temporary files")]
    [InlineData("mode=1777,uid=1654,gid=1654", "mode=1777", "api can write its temporary files")]
    [InlineData("  mem_limit: ${TIDEMARK_MEMORY:-512m}\n", "", "api bounds memory and processes")]
    [InlineData("  pids_limit: 512\n", "", "timescaledb bounds memory and processes")]
    [InlineData("max-size: 10m", "labels: a", "timescaledb bounds its log")]
    [InlineData("restart: unless-stopped", "restart: \"no\"", "refresh comes back after a reboot")]
    [InlineData("init: true", "init: false", "timescaledb has an init")]
    [InlineData("    stop_grace_period: 30s\n", "", "api says how long its end may take")]
    [InlineData("PGPASSFILE: /run/secrets/pgpass", "PGPASSWORD: tidemark", "api has no secret in its variables")]
    [InlineData(
        "POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password",
        "POSTGRES_PASSWORD: postgres",
        "timescaledb has no secret in its variables")]
    [InlineData("postgresql://tidemark@", "postgresql://tidemark:tidemark@", "api has no secret in its variables")]
    [InlineData(
        "      - timescaledb:/var/lib/postgresql/data",
        "      - /var/run/docker.sock:/var/run/docker.sock",
        "timescaledb has no engine's socket")]
    public async Task The_policy_names_what_is_broken(string line, string broken, string breach)
    {
        _folder.Replace("compose.yaml", line, broken);
        Assert.Contains(breach, ComposePolicy.Breaches(await CreatedAsync()));
    }

    [Fact]
    public async Task The_image_is_told_its_commit()
    {
        await _folder.CreateEnvAsync();
        File.AppendAllText(_folder.PathOf(".env"), "TIDEMARK_REVISION=0123456789abcdef\n");
        var build = (await _folder.ReadConfigAsync()).GetProperty("services").GetProperty("api").GetProperty("build");
        Assert.Equal("0123456789abcdef", ComposePolicy.Text(build, "args", "REVISION"));
        Assert.Contains("\nARG REVISION=\n", Repository.Read("deploy/docker/Dockerfile"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_env_file_compose_says_in_one_line_what_to_run()
    {
        var result = await _folder.ConfigAsync();
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(
            "run deploy/docker/create-env.sh first",
            Assert.Single(result.Error.TrimEnd().Split('\n')),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_server_waits_for_a_database_that_answers_over_TCP()
    {
        var services = (await CreatedAsync()).GetProperty("services");
        foreach (var name in new[] { "api", "refresh", "maintain" })
        {
            Assert.Equal("service_healthy", ComposePolicy.Text(services, name, "depends_on", "timescaledb", "condition"));
        }

        // While the image creates the database its server listens on the socket alone.
        var check = ComposePolicy.Items(services.GetProperty("timescaledb").GetProperty("healthcheck"), "test").Select(t => $"{t}")
            .ToList();
        Assert.Equal(["CMD", "pg_isready"], check[..2]);
        Assert.Contains("--host=127.0.0.1", check);
    }

    [Fact]
    public async Task Only_server_and_database_start_unless_the_profile_is_named()
    {
        var services = (await CreatedAsync()).GetProperty("services");
        var always = services.EnumerateObject().Where(s => !s.Value.TryGetProperty("profiles", out _)).Select(s => s.Name);
        Assert.Equal(["api", "timescaledb"], always.Order());
        Assert.Equal(
            ["refresh", "--schedule", "0 * * * *"],
            ComposePolicy.Items(services.GetProperty("refresh"), "command").Select(c => $"{c}"));
        Assert.Equal(
            ["maintain", "--schedule", "20 * * * *"],
            ComposePolicy.Items(services.GetProperty("maintain"), "command").Select(c => $"{c}"));
    }

    [Fact]
    public async Task The_volume_is_where_the_pinned_image_keeps_its_data()
    {
        var database = (await CreatedAsync()).GetProperty("services").GetProperty("timescaledb");
        var major = int.Parse(ComposePolicy.Text(database, "image").Split("-pg")[1]);
        var target = major < 18 ? "/var/lib/postgresql/data" : "/var/lib/postgresql";
        Assert.Equal(target, ComposePolicy.Text(Assert.Single(ComposePolicy.Items(database, "volumes")), "target"));
    }

    [Fact]
    public async Task The_database_sends_no_telemetry_and_has_settings_that_fit_its_memory()
    {
        await _folder.CreateEnvAsync("4096");
        var database = (await _folder.ReadConfigAsync()).GetProperty("services").GetProperty("timescaledb");
        var settings = ComposePolicy.Items(database, "command").Skip(1).Select(c => $"{c}"["-c".Length..].Split('='))
            .ToDictionary(p => p[0], p => p[1]);
        Assert.Equal("off", settings["timescaledb.telemetry_level"]);
        Assert.Equal("off", ComposePolicy.Text(database, "environment", "TIMESCALEDB_TELEMETRY"));
        Assert.Equal($"{4096L << 20}", ComposePolicy.Text(database, "mem_limit"));
        Assert.Equal("1024MB", settings["shared_buffers"]);
        Assert.Equal("3072MB", settings["effective_cache_size"]);
        Assert.True(int.Parse(settings["max_worker_processes"]) > int.Parse(settings["timescaledb.max_background_workers"]) + 3);
    }

    [Fact]
    public async Task Every_service_s_command_runs_until_it_is_stopped()
    {
        TestLength.SkipUnlessShare();
        using var cli = new CliFolder();
        cli.Write("tidemark.json", File.ReadAllText(_folder.PathOf("tidemark.json")));
        await cli.SucceedAsync("init");
        foreach (var service in (await CreatedAsync()).GetProperty("services").EnumerateObject().Where(s => s.Name != "timescaledb"))
        {
            // The store is this folder's instead, which runs no policies; the address is any open one, as in the image.
            var environment = ComposePolicy.Members(service.Value, "environment").Where(
                v => v.Name is not ("TIDEMARK_STORE" or "TIDEMARK_MAINTENANCE" or "TIDEMARK_SERVER__KEYS")).Select(v
                    => (v.Name, $"{v.Value}"));
            var command = ComposePolicy.Items(service.Value, "command").Select(c => $"{c}").ToArray();
            var process = cli.Start([.. environment, ("TIDEMARK_SERVER__URLS", "http://0.0.0.0:0")], command);
            await (service.Name == "api" ? process.UrlAsync() : Task.Delay(TimeSpan.FromSeconds(2)));

            var result = await process.TerminateAsync();
            Assert.True(result is { ExitCode: 0, Error: "" }, $"{service.Name} ended with {result.ExitCode}: {result.Error}");
        }
    }

    /// <summary>
    /// On this host no key is asked for until the first one is made; the volume keeps it, and belongs to the image's user.
    /// </summary>
    [Fact]
    public async Task The_first_key_closes_the_server()
    {
        using var cli = new CliFolder();
        var api = (await CreatedAsync()).GetProperty("services").GetProperty("api");
        var keys = ComposePolicy.Text(api, "environment", "TIDEMARK_SERVER__KEYS");
        var volume = Assert.Single(ComposePolicy.Items(api, "volumes"));
        Assert.Equal(("volume", Path.GetDirectoryName(keys)), (ComposePolicy.Text(volume, "type"), ComposePolicy.Text(volume, "target")));
        Assert.Contains($"VOLUME {Path.GetDirectoryName(keys)}\n", Repository.Read("deploy/docker/Dockerfile"), StringComparison.Ordinal);

        (string, string)[] environment = [("TIDEMARK_SERVER__KEYS", Path.Combine(
            cli.Path,
            Path.GetFileName(keys))), ("TIDEMARK_SERVER__URLS", "http://0.0.0.0:0")];
        var server = cli.Start(environment, [.. ComposePolicy.Items(api, "command").Select(c => $"{c}")]);
        using var client = new HttpClient
        {
            BaseAddress = new Uri((await server.UrlAsync()).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal))
        };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/sensors")).StatusCode);
        var key = (await cli.Start(environment, "key", "add", "me").EndAsync()).Output.Trim();
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/sensors")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/sensors")).StatusCode);
        Assert.Equal(0, (await server.TerminateAsync()).ExitCode);
    }

    private async Task<JsonElement> CreatedAsync()
    {
        var created = await _folder.CreateEnvAsync();
        Assert.True(created.ExitCode == 0, created.Error);
        return await _folder.ReadConfigAsync();
    }
}
