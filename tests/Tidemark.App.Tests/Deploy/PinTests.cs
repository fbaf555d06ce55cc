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

    [Theory]
    [InlineData("docker-compose", "deploy/docker/compose.yaml")]
    [InlineData("docker-compose", "deploy/docker/compose.production.yaml")]
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

    [GeneratedRegex(@"^ARG RUNTIME_IMAGE=\S+:([0-9.]+)-", RegexOptions.Multiline)]
    private static partial Regex RuntimeImage();

    [GeneratedRegex(@":-caddy:([0-9.]+)-alpine\}")]
    private static partial Regex ProxyImage();
}
