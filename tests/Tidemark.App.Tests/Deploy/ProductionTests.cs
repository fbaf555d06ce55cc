using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/docker/compose.production.yaml over compose.yaml, as deploy/azure/install.sh sets both up.</summary>
public sealed class ProductionTests : IDisposable
{
    private const string Overlay = "compose.production.yaml";

    private readonly DeployFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Each exception has its reason beside it in the file.</summary>
    [Fact]
    public async Task Every_service_keeps_the_policy_but_for_three_exceptions()
    {
        var config = await CreatedAsync();
        Assert.Equal(
            ["admin", "api", "maintain", "proxy", "refresh", "timescaledb"],
            config.GetProperty("services").EnumerateObject().Select(s => s.Name).Order());
        Assert.Equal(
            ["admin comes back after a reboot", "proxy keeps no capability", "proxy publishes ports on 127.0.0.1 alone"],
            ComposePolicy.Breaches(config).Order());
    }

    [Theory]
    [InlineData("caddy:2.11.7-alpine", "caddy:latest", "proxy has an image of an exact version")]
    [InlineData("user: \"1654:1654\"", "user: root", "proxy runs as a user")]
    [InlineData("    read_only: true\n    cap_drop", "    cap_drop", "proxy has a root file system that is not written")]
    [InlineData("no-new-privileges:true", "no-new-privileges:false", "proxy gains no rights")]
    [InlineData("mem_limit: 256m", "labels: [a]", "proxy bounds memory and processes")]
    [InlineData("max-size: 10m, ", "", "proxy bounds its log")]
    [InlineData("/etc/tidemark/keys/tidemark-keys.json", "tdm_0123456789", "api has no secret in its variables")]
    [InlineData("source: ./caddy", "source: /var/run/docker.sock", "proxy has no engine's socket")]
    public async Task The_policy_names_what_is_broken(string line, string broken, string breach)
    {
        _folder.Replace(Overlay, line, broken);
        Assert.Contains(breach, ComposePolicy.Breaches(await CreatedAsync()));
    }

    [Fact]
    public async Task The_proxy_alone_publishes_ports_and_they_are_80_and_443()
        => Assert.Equal(["proxy 443/tcp", "proxy 80/tcp"], Published(await CreatedAsync()));

    [Theory]
    [InlineData("  timescaledb:\n    ports: !reset []\n", "  timescaledb:\n", "timescaledb 5433/tcp")]
    [InlineData("    ports: !reset []\n    networks: [data, web]", "    networks: [data, web]", "api 5000/tcp")]
    public async Task A_port_that_stays_published_is_found(string lines, string broken, string port)
    {
        _folder.Replace(Overlay, lines, broken);
        Assert.Contains(port, Published(await CreatedAsync()));
    }

    [Fact]
    public async Task The_database_has_no_way_out_and_only_the_API_has_one_to_it()
    {
        var config = await CreatedAsync();
        Assert.Equal("data=True edge= web=True", string.Join(
            ' ',
            config.GetProperty("networks").EnumerateObject().Select(n => $"{n.Name}={ComposePolicy.Text(n.Value, "internal")}").Order()));
        Assert.Equal(
            ["admin:", "api: data web", "maintain: data", "proxy: edge web", "refresh: data", "timescaledb: data"],
            config.GetProperty("services").EnumerateObject().Select(
                s => $"{s.Name}: {string.Join(' ', ComposePolicy.Members(s.Value, "networks").Select(n
                    => n.Name).Order())}".TrimEnd()).Order());
    }

    /// <summary>
    /// Whose word about a client the API takes: the network that proxy and API share, and no other one of this host or the VM's.
    /// </summary>
    [Fact]
    public async Task The_API_trusts_the_proxy_s_network_alone()
    {
        var config = await CreatedAsync();
        var subnet = ComposePolicy.Text(
            Assert.Single(ComposePolicy.Items(config.GetProperty("networks").GetProperty("web").GetProperty("ipam"), "config")),
            "subnet");
        Assert.Equal(subnet, ComposePolicy.Text(config, "services", "api", "environment", "TIDEMARK_SERVER__TRUSTED_PROXIES"));
        Assert.Equal(["api", "proxy"], config.GetProperty("services").EnumerateObject()
            .Where(s => ComposePolicy.Members(s.Value, "networks").Any(n => n.Name == "web"))
            .Select(s => s.Name)
            .Order());
        var virtualNetwork = IPNetwork.Parse(
            Regex.Match(Repository.Read("deploy/azure/main.tf"), @"address_space\s+= \[""([^""]+)""\]").Groups[1].Value);
        Assert.False(virtualNetwork.Contains(IPNetwork.Parse(subnet).BaseAddress), $"{subnet} is in {virtualNetwork}");
    }

    /// <summary>Docker makes a folder that is missing unless told not to; on a late disk that would be an empty database.</summary>
    [Fact]
    public async Task No_folder_of_the_host_is_made_by_Docker()
    {
        var config = await CreatedAsync();
        var binds = config.GetProperty("services").EnumerateObject().SelectMany(s => ComposePolicy.Items(s.Value, "volumes"))
            .Where(v => ComposePolicy.Text(v, "type") == "bind")
            .ToList();
        Assert.Equal(4, binds.Count);
        Assert.All(binds, b => Assert.NotEqual("True", ComposePolicy.Text(b, "bind", "create_host_path")));
        Assert.Equal(("none", "bind", "/srv/tidemark/postgres"), (Option("type"), Option("o"), Option("device")));

        string Option(string name) => ComposePolicy.Text(config, "volumes", "timescaledb", "driver_opts", name);
    }

    [Fact]
    public async Task The_API_reads_the_keys_that_the_admin_run_writes()
    {
        var services = (await CreatedAsync()).GetProperty("services");
        Assert.Equal(["serve"], ComposePolicy.Items(services.GetProperty("api"), "command").Select(c => $"{c}"));
        foreach (var (name, readOnly) in new[] { ("api", "True"), ("admin", "") })
        {
            var folder = Assert.Single(ComposePolicy.Items(services.GetProperty(name), "volumes"));
            Assert.Equal(("/srv/tidemark/keys", readOnly), (ComposePolicy.Text(folder, "source"), ComposePolicy.Text(folder, "read_only")));
            Assert.StartsWith(
                ComposePolicy.Text(folder, "target") + "/",
                ComposePolicy.Text(services, name, "environment", "TIDEMARK_SERVER__KEYS"),
                StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// The commands of the two services, on a folder that stands for the mounted one and a store that stands for the database.
    /// </summary>
    [Fact]
    public async Task The_API_starts_once_there_is_a_key_and_asks_for_it()
    {
        using var cli = new CliFolder();
        var services = (await CreatedAsync()).GetProperty("services");
        var keys = Directory.CreateDirectory(Path.Combine(cli.Path, "keys")).FullName;
        CliProcess Start(string service, params string[] arguments)
        {
            var file = Path.Combine(keys, Path.GetFileName(ComposePolicy.Text(services, service, "environment", "TIDEMARK_SERVER__KEYS")));
            return cli.Start([("TIDEMARK_SERVER__KEYS", file), ("TIDEMARK_SERVER__URLS", "http://0.0.0.0:0")], arguments);
        }

        var command = ComposePolicy.Items(services.GetProperty("api"), "command").Select(c => $"{c}").ToArray();
        var refused = await Start("api", command).EndAsync();
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("make a key with tidemark key add", Assert.Single(refused.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);

        var key = (await Start("admin", "key", "add", "me", "--scope", "admin").EndAsync()).Output.Trim();
        var server = Start("api", command);
        var url = (await server.UrlAsync()).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal);
        using var client = new HttpClient();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync($"{url}/api/health")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync($"{url}/api/sensors")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync($"{url}/api/sensors")).StatusCode);
        Assert.Equal(0, (await server.TerminateAsync()).ExitCode);
    }

    [Fact]
    public async Task It_starts_in_the_order_database_API_proxy()
    {
        var services = (await CreatedAsync()).GetProperty("services");
        Assert.Equal("service_healthy", ComposePolicy.Text(services, "api", "depends_on", "timescaledb", "condition"));
        Assert.Equal("service_healthy", ComposePolicy.Text(services, "proxy", "depends_on", "api", "condition"));
    }

    [Fact]
    public async Task The_proxy_s_configuration_is_valid()
    {
        var result = await ValidateAsync(Repository.PathOf("deploy/docker/caddy/Caddyfile"));
        Assert.True(result.ExitCode == 0, result.Error);
    }

    /// <summary>Authorities limit how often a certificate is given: who tries asks one that doesn't count.</summary>
    [Theory]
    [InlineData("", 0)]
    [InlineData("TIDEMARK_ACME_CA=https://acme-staging-v02.api.letsencrypt.org/directory\n", 1)]
    public async Task Certificates_come_from_the_authority_that_is_named(string setting, int named)
    {
        var created = await _folder.CreateEnvAsync();
        Assert.True(created.ExitCode == 0, created.Error);
        var settings = $"COMPOSE_FILE=compose.yaml:{Overlay}\nTIDEMARK_DATA=/srv/tidemark\nTIDEMARK_SITE=localhost\n{setting}";
        File.AppendAllText(_folder.PathOf(".env"), settings);
        Assert.Equal("", (await _folder.ConfigAsync("--quiet")).Error);
        var option = ComposePolicy.Text(await _folder.ReadConfigAsync(), "services", "proxy", "environment", "TIDEMARK_ACME");

        Tool.Require(Tool.Find("caddy") is not null, "caddy");
        var result = await Tool.RunAsync(
            "caddy", ["adapt", "--adapter", "caddyfile", "--config", Repository.PathOf("deploy/docker/caddy/Caddyfile")], null, null,
            [("TIDEMARK_SITE", "tidemark.example.org"), ("TIDEMARK_ACME", option), ("HOME", _folder.Path)]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(named, result.Output.Split("\"https://acme-staging-v02.api.letsencrypt.org/directory\"").Length - 1);
    }

    [Fact]
    public async Task A_directive_that_Caddy_does_not_know_is_found()
    {
        var file = _folder.PathOf("Caddyfile");
        File.WriteAllText(
            file,
            Repository.Read("deploy/docker/caddy/Caddyfile").Replace("reverse_proxy", "reverse_prox", StringComparison.Ordinal));
        Assert.NotEqual(0, (await ValidateAsync(file)).ExitCode);
    }

    private async Task<JsonElement> CreatedAsync()
    {
        var created = await _folder.CreateEnvAsync();
        Assert.True(created.ExitCode == 0, created.Error);
        File.AppendAllText(
            _folder.PathOf(".env"),
            $"COMPOSE_FILE=compose.yaml:{Overlay}\nTIDEMARK_DATA=/srv/tidemark\nTIDEMARK_SITE=localhost\n");
        return await _folder.ReadConfigAsync();
    }

    private static List<string> Published(JsonElement config) =>
    [
        .. from service in config.GetProperty("services").EnumerateObject()
           from port in ComposePolicy.Items(service.Value, "ports")
           let text = $"{service.Name} {ComposePolicy.Text(port, "published")}/{ComposePolicy.Text(port, "protocol")}"
           orderby text
           select text,
    ];

    private async Task<CliResult> ValidateAsync(string file)
    {
        Tool.Require(Tool.Find("caddy") is not null, "caddy");
        return await Tool.RunAsync(
            "caddy",
            ["validate", "--adapter", "caddyfile", "--config", file],
            null,
            null,
            [("TIDEMARK_SITE", "tidemark.example.org"), ("HOME", _folder.Path)]);
    }
}
