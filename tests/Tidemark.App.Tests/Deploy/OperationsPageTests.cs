using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>What docs/operations.md tells people to write or run, as far as it goes without a database.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class OperationsPageTests : IDisposable
{
    private static readonly string Page = Repository.Read("docs/operations.md");

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Its_verbs_are_the_program_s()
    {
        var help = (await _folder.RunAsync()).Output;
        var verbs = Verb().Matches(Page).Select(m => m.Groups[1].Value).Distinct().ToList();
        Assert.True(verbs.Count >= 10, string.Join(' ', verbs));
        Assert.All(verbs, verb => Assert.Contains($"\n  {verb} ", help, StringComparison.Ordinal));
    }

    [Fact]
    public void Its_scripts_are_in_the_folder()
        => Assert.All(
            Script().Matches(Page).Select(m => m.Groups[1].Value).Distinct(),
            name => Assert.True(File.Exists(Repository.PathOf($"deploy/docker/{name}")), name));

    [Fact]
    public async Task Its_configuration_is_accepted()
    {
        var blocks = Blocks("json");
        Assert.NotEmpty(blocks);
        foreach (var block in blocks)
        {
            _folder.Write("tidemark.json", block);
            var result = await _folder.Start([("TIDEMARK_STORE", "postgresql://tidemark@timescaledb:5432/iotdata")], "check").EndAsync();
            Assert.True(result.ExitCode == 0, block + result.Error);
        }
    }

    [Fact]
    public async Task Its_units_are_ones_that_systemd_runs()
    {
        Assert.SkipWhen(Tool.Find("systemd-analyze") is null, "systemd-analyze is not on this machine");
        foreach (var unit in Blocks("ini"))
        {
            _folder.Write(unit.Split('\n')[0].TrimStart('#', ' '), unit.Replace("/usr/bin/docker", "/bin/true", StringComparison.Ordinal));
        }

        _folder.Write("docker.service", "[Unit]\nDescription=Stands for Docker's own\n[Service]\nExecStart=/bin/true\n");
        var result = await Tool.RunAsync(
            "systemd-analyze",
            ["verify", "./tidemark-refresh.service", "./tidemark-refresh.timer"],
            _folder.Path,
            null,
            []);
        Assert.True(result is { ExitCode: 0, Error: "" }, result.Error);
    }

    [Theory]
    [InlineData(0, 0), InlineData(23, 0), InlineData(49, 1)]
    public async Task Its_check_of_the_backups_age_fails_when_there_is_none_of_the_last_day(int hours, int exitCode)
    {
        var file = Path.Combine(
            Directory.CreateDirectory(Path.Combine(_folder.Path, "backups")).FullName,
            "iotdata-20261125T020000Z-timescaledb-2.32.0.dump");
        File.WriteAllText(file, "");
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-hours));
        File.WriteAllText(file + ".partial", "");
        var check = BackupCheck().Match(Page).Groups[1].Value.Replace("\\|", "|", StringComparison.Ordinal);
        Assert.Equal(exitCode, (await Tool.RunAsync("sh", ["-c", check], _folder.Path, null, [])).ExitCode);
    }

    /// <summary>
    /// No tag can be looked up where this is built: who meets one that isn't there needs the way out, by variables that count.
    /// </summary>
    [Fact]
    public void Its_way_out_of_a_missing_image_names_variables_that_count()
    {
        var row = Assert.Single(Page.Split('\n'), l => l.StartsWith("| `manifest unknown`", StringComparison.Ordinal));
        Assert.Contains("any community image from 2.23 on", row, StringComparison.Ordinal);
        var files = Repository.Read("deploy/docker/compose.yaml") + Repository.Read("deploy/docker/compose.production.yaml")
            + Repository.Read("deploy/docker/Dockerfile");
        var variables = ImageVariable().Matches(row).Select(m => m.Value).ToList();
        Assert.Equal(["TIMESCALEDB_IMAGE", "CADDY_IMAGE", "SDK_IMAGE", "RUNTIME_IMAGE"], variables);
        Assert.All(variables, v => Assert.Matches($@"\$\{{{v}(:-|\}})", files));

        // The same major version of PostgreSQL as the pinned one, or the volume could not be read.
        Assert.Equal(Major().Match(Repository.Read("deploy/docker/compose.yaml")).Value, Major().Match(row).Value);
    }

    private static List<string> Blocks(string language)
        => [.. Block().Matches(Page).Where(m => m.Groups[1].Value == language).Select(m => m.Groups[2].Value)];

    [GeneratedRegex(@"(?:`| api | tidemark |^)tidemark (?!is\b|in\b)([a-z]+)", RegexOptions.Multiline)]
    private static partial Regex Verb();

    [GeneratedRegex(@"\| Backups \| `([^`]+)`")]
    private static partial Regex BackupCheck();

    [GeneratedRegex("[A-Z]+_IMAGE")]
    private static partial Regex ImageVariable();

    [GeneratedRegex(@"-pg\d+")]
    private static partial Regex Major();

    [GeneratedRegex(@"([a-z-]+\.sh)\b")]
    private static partial Regex Script();

    [GeneratedRegex("```([a-z]+)\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
