using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Deploy;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Grafana;

/// <summary>The files of deploy/grafana fit each other, Grafana's published types, and what docs/grafana.md says.</summary>
public sealed partial class FileTests
{
    private const string Packages = "tests/Tidemark.App.Tests";
    private const string Folder = "deploy/grafana";

    private const string CompilerOptions = "--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler";

    private static readonly string Page = Repository.Read("docs/grafana.md");

    public static TheoryData<string> Dashboards => [Dashboard.Api, Dashboard.PostgreSql];

    /// <summary>
    /// @grafana/schema has types, whose enumerations JSON spells out: each is held against its file, written into a program. Names that a
    /// type doesn't have are faults too.
    /// </summary>
    [Theory]
    [MemberData(nameof(Dashboards))]
    public async Task A_dashboard_is_of_Grafana_s_types(string name)
    {
        var dashboard = new Dashboard(name).Json;
        var result = await CompileAsync(dashboard);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }

    [Theory]
    [InlineData("timing", "{}"), InlineData("graphTooltip", "7"), InlineData("panels/0/options/showHeaders", "true")]
    [InlineData("panels/3/fieldConfig/defaults/custom/drawStyle", "\"lines\""), InlineData("templating/list/0/type", "\"list\"")]
    public async Task The_types_find_what_is_wrong(string path, string value)
    {
        var dashboard = new Dashboard(Dashboard.Api).Json;
        var parts = path.Split('/');
        var parent = parts[..^1].Aggregate(dashboard, (node, part) => int.TryParse(part, out var place) ? node[place]! : node[part]!);
        parent[parts[^1]] = JsonNode.Parse(value);
        var result = await CompileAsync(dashboard);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("dashboard.ts(", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Dashboards))]
    public async Task Panels_and_variables_ask_the_source_that_is_provisioned(string name)
    {
        var dashboard = new Dashboard(name);
        var source = Assert.Single((await YamlAsync($"{Folder}/provisioning/datasources/{name}.yaml"))["datasources"]!.AsArray())!;
        Assert.Equal(name, Dashboard.Text(source["uid"]));
        Assert.Equal(name, Dashboard.Text(dashboard.Json["uid"]));
        var references = dashboard.Panels.Select(p => p["datasource"])
            .Concat(dashboard.Panels.SelectMany(p => p["targets"]!.AsArray()).Select(t => t!["datasource"]))
            .Concat(dashboard.Variables.Where(v => Dashboard.Text(v["type"]) == "query").Select(v => v["datasource"]));
        Assert.All(references, r => Assert.Equal(
            (Dashboard.Text(source["type"]), name),
            (Dashboard.Text(r!["type"]), Dashboard.Text(r["uid"]))));
        var ids = dashboard.Panels.Select(p => p["id"]!.GetValue<int>()).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task The_provider_reads_the_folder_where_the_dashboards_are_put()
    {
        var provider = Assert.Single((await YamlAsync($"{Folder}/provisioning/dashboards/tidemark.yaml"))["providers"]!.AsArray())!;
        var path = Dashboard.Text(provider["options"]!["path"]);
        var compose = Repository.Read($"{Folder}/compose.yaml");
        Assert.Contains($"source: ../grafana/dashboards, target: {path},", compose, StringComparison.Ordinal);
        Assert.Contains($"`dashboards/` to `{path}`", Page, StringComparison.Ordinal);
        Assert.Equal(
            Dashboards.Select(d => $"{d.Data}.json").Order(),
            Directory.GetFiles(Repository.PathOf($"{Folder}/dashboards")).Select(f => Path.GetFileName(f)).Order());
    }

    /// <summary>A variable that nobody sets is an empty text to Grafana.</summary>
    [Fact]
    public void Every_variable_of_the_provisioning_is_set_and_told_of()
    {
        var used = Directory.GetFiles(Repository.PathOf($"{Folder}/provisioning"), "*.yaml", SearchOption.AllDirectories)
            .SelectMany(f => File.ReadAllLines(f)).Where(l => !l.TrimStart().StartsWith('#'))
            .SelectMany(l => Variable().Matches(l)).Select(m => m.Groups[1].Value).Distinct().Order().ToList();
        Assert.Equal(6, used.Count);
        var compose = Repository.Read($"{Folder}/compose.yaml");
        Assert.All(used, name => Assert.Matches($@"\n      {name}(__FILE)?: ", compose));
        Assert.All(used, name => Assert.Contains($"\n| `{name}` |", Page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_key_goes_to_the_API_alone_and_the_health_check_needs_it()
    {
        var source = (await YamlAsync($"{Folder}/provisioning/datasources/tidemark-api.yaml"))["datasources"]![0]!;
        var url = Dashboard.Text(source["url"]);
        Assert.Equal(url, Dashboard.Text(Assert.Single(source["jsonData"]!["allowedHosts"]!.AsArray())));
        Assert.Equal("bearerToken", Dashboard.Text(source["jsonData"]!["auth_method"]));
        Assert.Equal($"{url}/api/metrics", Dashboard.Text(source["jsonData"]!["customHealthCheckUrl"]));
    }

    /// <summary>Infinity takes no empty key: set-up.sh has it send this word.</summary>
    [Fact]
    public async Task A_server_without_keys_answers_whatever_is_sent_for_one()
    {
        Assert.Contains("printf none > secrets/grafana_key", Repository.Read($"{Folder}/set-up.sh"), StringComparison.Ordinal);
        await using var server = await RunningServer.StartAsync();
        server.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "none");
        Assert.Equal("[]", (await server.GetAsync("/api/sensors/current?format=rows")).ToJsonString());
    }

    /// <summary>What the browser would parse, no alert could ask.</summary>
    [Fact]
    public void Queries_are_parsed_on_Grafana_s_server()
        => Assert.All(
            new Dashboard(Dashboard.Api).Panels.SelectMany(p => p["targets"]!.AsArray()),
            t => Assert.Equal("backend", Dashboard.Text(t!["parser"])));

    [Fact]
    public void The_page_tells_of_every_panel_and_that_Grafana_was_not_run()
    {
        Assert.Contains("**Grafana itself was not run", Page, StringComparison.Ordinal);
        Assert.All(
            new Dashboard(Dashboard.Api).Panels.Select(p => Dashboard.Text(p["title"])),
            title => Assert.Contains(
                $"\n| {title.Replace("$sensors", "a sensor", StringComparison.Ordinal)} |",
                Page,
                StringComparison.Ordinal));
        Assert.Contains(Plugin().Match(Repository.Read($"{Folder}/compose.yaml")).Groups[1].Value, Page, StringComparison.Ordinal);
    }

    private static async Task<CliResult> CompileAsync(JsonNode dashboard)
    {
        var compiler = Repository.PathOf($"{Packages}/node_modules/typescript/bin/tsc");
        Tool.Require(Tool.Find("node") is not null && File.Exists(compiler), "npm's typescript");
        var types = Repository.PathOf($"{Packages}/node_modules/@grafana/schema/dist/types/raw");
        var panels = dashboard["panels"]!.AsArray().Select((panel, i) =>
        {
            var kind = Dashboard.Text(panel!["type"]);
            var custom = panel["fieldConfig"]!["defaults"]!["custom"]!;
            return $"""
                const panel{i}: Json<Panel> = {panel.ToJsonString()}
                const options{i}: Json<{kind}.Options> = {panel["options"]!}
                const custom{i}: Json<{kind}.FieldConfig> = {custom}
                """;
        });
        var folder = Directory.CreateTempSubdirectory("tidemark-types-");
        try
        {
            var program = Path.Combine(folder.FullName, "dashboard.ts");
            await File.WriteAllTextAsync(
                program,
                $$"""
                import type { Dashboard, Panel } from '{{types}}/dashboard/x/types.gen'
                import type * as timeseries from '{{types}}/composable/timeseries/panelcfg/x/types.gen'
                import type * as table from '{{types}}/composable/table/panelcfg/x/types.gen'
                type Json<T> = unknown extends T ? T
                  : T extends string ? `${T}`
                  : T extends number | boolean | null | undefined ? T
                  : T extends (infer U)[] ? Json<U>[]
                  : { [K in keyof T]: Json<T[K]> }
                const dashboard: Json<Dashboard> = {{dashboard.ToJsonString()}}
                {{string.Join('\n', panels)}}
                """);
            return await Tool.RunAsync(
                "node",
                [compiler, .. CompilerOptions.Split(' '), program]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<JsonNode> YamlAsync(string path)
    {
        Tool.Require(Tool.Find("node") is not null, "Node.js");
        var result = await Tool.RunAsync(
            "node",
            "-e",
            "const yaml = require('module').createRequire(process.argv[1])('js-yaml');"
                + "console.log(JSON.stringify(yaml.load(require('fs').readFileSync(process.argv[2], 'utf8'))))",
            Repository.PathOf($"{Packages}/package.json"),
            Repository.PathOf(path));
        Assert.True(result.ExitCode == 0, result.Error);
        return JsonNode.Parse(result.Output)!;
    }

    [GeneratedRegex(@"\$(GF_\w+)")]
    private static partial Regex Variable();

    [GeneratedRegex(@"infinity-datasource@([0-9.]+)")]
    private static partial Regex Plugin();
}
