using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tidemark.App.Tests.Cli;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// .ci/release on this clone's last commit. A server stands for a package source's vulnerability database, a program that writes down what
/// it is asked for Docker.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class ReleaseTests : IAsyncLifetime
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-release-");
    private readonly WebApplication _source;
    private string _advisories = "{}";

    public ReleaseTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _source = builder.Build();
        _source.Urls.Add("http://127.0.0.1:0");
        _source.MapGet("/index.json", () => Json(
            $$"""
            { "version": "3.0.0", "resources": [{ "@id": "{{Address}}/vulnerabilities.json", "@type": "VulnerabilityInfo/6.7.0" }] }
            """));
        _source.MapGet(
            "/vulnerabilities.json",
            () => Json($$"""[{ "@name": "base", "@id": "{{Address}}/base.json", "@updated": "2026-11-01T00:00:00Z" }]"""));
        _source.MapGet("/base.json", () => Json(_advisories));
        _source.MapGet("/empty/index.json", () => Json("""{ "version": "3.0.0", "resources": [] }"""));

        static IResult Json(string text) => Results.Text(text, "application/json");
    }

    private string Address => _source.Urls.First();

    private string Folder => Path.Combine(_root.FullName, "release");

    public async ValueTask InitializeAsync()
    {
        await _source.StartAsync();
        var docker = Path.Combine(_root.CreateSubdirectory("bin").FullName, "docker");
        File.WriteAllText(docker, "#!/bin/sh\necho docker \"$@\"\n");
        File.SetUnixFileMode(docker, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        _root.Delete(recursive: true);
    }

    [Fact]
    public async Task A_release_has_a_bill_of_materials_and_an_image_named_by_version_and_commit()
    {
        TestLength.SkipUnlessShare();
        // An advisory that our version has left behind.
        _advisories = Advisory("(, 1.0.0)");
        var result = await ReleaseAsync($"{Address}/index.json");
        Assert.True(result.ExitCode == 0, result.Output + result.Error);

        var bill = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "tidemark.cdx.json"))).RootElement;
        var commit = await GitAsync("rev-parse", "HEAD");
        var version = Regex.Match(await GitAsync("show", "HEAD:Directory.Build.props"), "<Version>(.*)</Version>").Groups[1].Value;
        Assert.Equal("CycloneDX", ComposePolicy.Text(bill, "bomFormat"));
        Assert.Equal(
            ("tidemark", version),
            (ComposePolicy.Text(bill, "metadata", "component", "name"), ComposePolicy.Text(bill, "metadata", "component", "version")));
        Assert.Equal(
            commit,
            ComposePolicy.Text(bill.GetProperty("metadata").GetProperty("component").GetProperty("properties")[0], "value"));

        var components = bill.GetProperty("components").EnumerateArray().Select(c => ComposePolicy.Text(c, "purl")).ToList();
        var packages = await GitAsync("show", "HEAD:Directory.Packages.props");
        foreach (var name in new[] { "Npgsql", "DuckDB.NET.Data.Full", "Parquet.Net" })
        {
            Assert.Contains(
                $"pkg:nuget/{name}@{Regex.Match(packages, $"Include=\"{name}\" Version=\"([^\"]+)\"").Groups[1].Value}",
                components);
        }

        Assert.Contains(components, c => c.StartsWith("pkg:nuget/DuckDB.NET.Bindings.Full@", StringComparison.Ordinal));
        Assert.DoesNotContain(components, c => c.Contains("xunit", StringComparison.Ordinal));
        Assert.Matches(
            @"^pkg:docker/dotnet/aspnet@10\.\d+\.\d+-[a-z-]+\?repository_url=mcr\.microsoft\.com$",
            Assert.Single(components, c => c.StartsWith("pkg:docker/", StringComparison.Ordinal)));

        Assert.Equal([version, $"{version}-{commit[..12]}"], await File.ReadAllLinesAsync(Path.Combine(Folder, "tags")));
        var build = Assert.Single(result.Output.Split('\n'), l => l.StartsWith("docker ", StringComparison.Ordinal));
        Assert.StartsWith(
            $"docker buildx build --push --sbom=true --provenance=true --build-arg VERSION={version} --build-arg REVISION={commit} "
            + $"--tag=registry.example.org/tidemark:{version} --tag=registry.example.org/tidemark:{version}-{commit[..12]} --file ",
            build,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_vulnerable_package_stops_the_release()
    {
        TestLength.SkipUnlessShare();
        _advisories = Advisory("(, 999.0.0)");
        var result = await ReleaseAsync($"{Address}/index.json");
        Assert.Equal(1, result.ExitCode);
        Assert.Matches(
            "error NU1903: .*'Npgsql' .* has a known high severity vulnerability, https://advisories.example.org/1",
            result.Error);
        Assert.DoesNotContain("docker", result.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Folder));
    }

    /// <summary>Otherwise a mirror without the database would make every package a safe one.</summary>
    [Fact]
    public async Task A_source_that_knows_no_vulnerabilities_stops_the_release_too()
    {
        TestLength.SkipUnlessShare();
        var result = await ReleaseAsync($"{Address}/empty/index.json");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("error NU1905: ", result.Error, StringComparison.Ordinal);
        Assert.EndsWith("need AUDIT_SOURCE\n", result.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Folder));
    }

    private static string Advisory(string versions)
        => $$"""{ "npgsql": [{ "url": "https://advisories.example.org/1", "severity": 2, "versions": "{{versions}}" }] }""";

    private async Task<CliResult> ReleaseAsync(string auditSource)
    {
        Tool.Require(Tool.Find("jq") is not null, "jq");
        return await Tool.RunAsync(Repository.PathOf(".ci/release"), [Folder, "registry.example.org/tidemark"], null, null,
        [
            ("PATH", $"{Path.Combine(_root.FullName, "bin")}:{Environment.GetEnvironmentVariable("PATH")}"), ("AUDIT_SOURCE", auditSource),
            ("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1"),
        ]);
    }

    private static async Task<string> GitAsync(params string[] arguments)
    {
        var result = await Tool.RunAsync("git", arguments, Repository.Root, null, []);
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output.Trim();
    }
}
