using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// Exact versions of images and packages, which nobody raises by accident: they fit each other, and renovate.json watches them.
/// </summary>
public sealed partial class PinTests
{
    /// <summary>Both are of one release; an older runtime lacks the fixes that the packages have.</summary>
    [Fact]
    public void The_runtime_s_image_is_as_new_as_the_packages_of_its_release()
    {
        var packages = XDocument.Parse(Repository.Read("Directory.Packages.props")).Descendants("PackageVersion")
            .Where(p => p.Attribute("Include")!.Value.StartsWith("Microsoft.", StringComparison.Ordinal))
            .Select(p => Version.Parse(p.Attribute("Version")!.Value)).Where(v => v is { Major: 10, Minor: 0 });
        Assert.Equal(packages.Max(), Version.Parse(RuntimeImage().Match(Repository.Read("deploy/docker/Dockerfile")).Groups[1].Value));
    }

    /// <summary>Before 2.11.2 it has known vulnerabilities.</summary>
    [Fact]
    public void The_proxy_has_its_fixes()
    {
        var image = ProxyImage().Match(Repository.Read("deploy/docker/compose.production.yaml"));
        Assert.True(Version.Parse(image.Groups[1].Value) >= new Version(2, 11, 2));
    }

    /// <summary>A backup is restored by the version that its name tells, and a data folder belongs to one major version.</summary>
    [Fact]
    public void The_database_that_pages_and_scripts_name_is_the_pinned_one()
    {
        var pinned = DatabaseImage().Match(Repository.Read("deploy/docker/compose.yaml"));
        Assert.Equal([pinned.Groups[1].Value], Named(VersionOfBackup()));
        Assert.Equal([pinned.Groups[2].Value], Named(PostgresMajor()));
    }

    [Fact]
    public void The_image_that_pages_name_is_of_the_program_s_version()
        => Assert.Equal(
            [XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single().Value], Named(VersionOfImage()));

    [Theory]
    [InlineData("docker-compose", "deploy/docker/compose.yaml")]
    [InlineData("docker-compose", "deploy/docker/compose.production.yaml")]
    [InlineData("docker-compose", "deploy/grafana/compose.yaml")]
    [InlineData("dockerfile", "deploy/docker/Dockerfile")]
    [InlineData("npm", "tests/Tidemark.Store.Tests/Timescale/wasm/package.json")]
    [InlineData("nuget", "Directory.Packages.props")]
    [InlineData("terraform", "deploy/azure/versions.tf")]
    public void Every_kind_of_pin_is_watched(string manager, string file)
    {
        Assert.True(File.Exists(Repository.PathOf(file)), file);
        var managers = JsonDocument.Parse(Repository.Read("renovate.json")).RootElement.GetProperty("enabledManagers");
        Assert.Contains(manager, managers.EnumerateArray().Select(m => m.GetString()));
    }

    /// <summary>What pages, deployment and checks say.</summary>
    private static IEnumerable<string> Named(Regex pattern)
        => new[] { "docs", "deploy", ".ci" }
            .SelectMany(folder => Directory.GetFiles(Repository.PathOf(folder), "*", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/.terraform/", StringComparison.Ordinal))
            .SelectMany(file => pattern.Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)
            .Distinct();

    [GeneratedRegex(@":-timescale/timescaledb:([0-9.]+)-pg([0-9]+)\}")]
    private static partial Regex DatabaseImage();

    [GeneratedRegex(@"-timescaledb-([0-9]+\.[0-9]+\.[0-9]+)\.(?:dump|settings)")]
    private static partial Regex VersionOfBackup();

    [GeneratedRegex(@"\btidemark:([0-9]+\.[0-9]+\.[0-9]+)")]
    private static partial Regex VersionOfImage();

    [GeneratedRegex(@"(?:/usr/lib/postgresql/|-pg)([0-9]+)\b")]
    private static partial Regex PostgresMajor();

    [GeneratedRegex(@"^ARG RUNTIME_IMAGE=\S+:([0-9.]+)-", RegexOptions.Multiline)]
    private static partial Regex RuntimeImage();

    [GeneratedRegex(@":-caddy:([0-9.]+)-alpine\}")]
    private static partial Regex ProxyImage();
}
