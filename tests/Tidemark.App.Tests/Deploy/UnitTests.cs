using System.Globalization;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/azure/systemd as systemd reads it, with stand-ins for programs that only the VM has.</summary>
public sealed partial class UnitTests : IDisposable
{
    private static readonly string[] Names = [.. Directory.GetFiles(Repository.PathOf("deploy/azure/systemd"))
        .Select(f => Path.GetFileName(f))
        .Order(StringComparer.Ordinal)];

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-units-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Every_unit_is_one_that_systemd_runs()
    {
        var result = await VerifyAsync("", "");
        Assert.True(result is { ExitCode: 0, Error: "" }, result.Error);
    }

    [Theory]
    [InlineData("OnCalendar=hourly", "OnCalendar=hourley")]
    [InlineData("Type=oneshot", "Type=oneshoot")]
    [InlineData("AssertPathIsMountPoint=", "AssertPathIsMounted=")]
    public async Task What_systemd_does_not_know_is_found(string line, string broken)
        => Assert.NotEqual("", (await VerifyAsync(line, broken)).Error);

    [Fact]
    public void Every_program_of_the_clone_is_there_and_can_be_run()
    {
        var programs = Names.SelectMany(name => Program().Matches(Unit(name)).Select(m => m.Groups[1].Value)).Distinct().ToList();
        Assert.NotEmpty(programs);
        Assert.All(
            programs,
            p => Assert.True(
                OperatingSystem.IsWindows() || File.GetUnixFileMode(Repository.PathOf(p)).HasFlag(UnixFileMode.UserExecute), p));
    }

    /// <summary>A late disk must not become an empty database on the system's own.</summary>
    [Fact]
    public void Nothing_starts_before_the_disk_is_there()
    {
        var disk = Unit("tidemark-disk.service");
        Assert.Contains("\nBefore=docker.service\n", disk, StringComparison.Ordinal);
        Assert.Contains("\nTimeoutStartSec=infinity\n", disk, StringComparison.Ordinal);
        foreach (var name in new[] { "tidemark.service", "tidemark-resume.service" })
        {
            Assert.Matches(@"\nRequires=[^\n]*\btidemark-disk\.service\b", Unit(name));
            Assert.Matches(@"\nAfter=[^\n]*\btidemark-disk\.service\b", Unit(name));
            Assert.Contains("\nRequiresMountsFor=/srv/tidemark\n", Unit(name), StringComparison.Ordinal);
        }

        Assert.Contains("\nAssertPathIsMountPoint=/srv/tidemark\n", Unit("tidemark.service"), StringComparison.Ordinal);
    }

    /// <summary>An update of Docker stops and starts it. What requires it would be stopped with it and stay so.</summary>
    [Fact]
    public void An_update_of_the_engine_leaves_tidemark_up()
    {
        var unit = Unit("tidemark.service");
        Assert.DoesNotMatch(@"\n(Requires|BindsTo|PartOf|Requisite)=[^\n]*\bdocker\.service\b", unit);
        Assert.Matches(@"\nWants=[^\n]*\bdocker\.service\b", unit);
        Assert.Matches(@"\nAfter=[^\n]*\bdocker\.service\b", unit);
        Assert.Matches(@"\nWantedBy=[^\n]*\bdocker\.service\b", unit);
    }

    /// <summary>A timer makes up for what it missed, and never starts what somebody has stopped.</summary>
    [Theory]
    [InlineData("refresh"), InlineData("maintain"), InlineData("backup")]
    public void Timers_make_up_for_missed_runs_and_start_nothing_else(string name)
    {
        Assert.Contains("\nPersistent=true\n", Unit($"tidemark-{name}.timer"), StringComparison.Ordinal);
        Assert.Contains("\nRandomizedDelaySec=", Unit($"tidemark-{name}.timer"), StringComparison.Ordinal);
        var service = Unit($"tidemark-{name}.service");
        Assert.Contains("\nRequisite=tidemark.service\n", service, StringComparison.Ordinal);
        Assert.DoesNotContain("\nRequires=", service, StringComparison.Ordinal);
        Assert.Contains("\nType=oneshot\n", service, StringComparison.Ordinal);
    }

    /// <summary>A unit that is started again for ever never counts as failed, and nobody would see that it does.</summary>
    [Theory]
    [InlineData("backup"), InlineData("resume")]
    public void What_keeps_failing_is_tried_again_and_ends_as_failed_within_a_day(string name)
    {
        var unit = Unit($"tidemark-{name}.service");
        var attempts = int.Parse(Setting("StartLimitBurst"), CultureInfo.InvariantCulture);
        var within = TimeSpan.FromHours(int.Parse(Setting("StartLimitIntervalSec").TrimEnd('h'), CultureInfo.InvariantCulture));
        var pause = TimeSpan.FromMinutes(
            int.Parse(Setting("RestartSec").Replace("min", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
        Assert.Contains("\nRestart=on-failure\n", unit, StringComparison.Ordinal);
        Assert.True(attempts * pause < within && within < TimeSpan.FromHours(23), $"{attempts} attempts {pause} apart, within {within}");

        string Setting(string name) => Regex.Match(unit, $"\n{name}=(.+)\n").Groups[1].Value;
    }

    /// <summary>By its version, systemd logs "Failed to start" with the unit's name, its description or both.</summary>
    [Fact]
    public void The_alert_on_failed_units_tells_them_by_name_and_by_description()
    {
        Assert.All(Names, name => Assert.Contains("tidemark", name, StringComparison.Ordinal));
        Assert.All(Names, name => Assert.Matches("\nDescription=.*Tidemark", Unit(name)));
        Assert.Contains("contains \"tidemark\"", Repository.Read("deploy/azure/alerts.tf"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_enabled_has_a_unit()
    {
        var enabled = EnabledUnit().Matches(
            Repository.Read("deploy/azure/install.sh") + Repository.Read("deploy/azure/cloud-init.yaml.tftpl")).Select(m
                => m.Value).Distinct().ToList();
        Assert.All(enabled, unit => Assert.Contains(unit, Names));
        Assert.All(Names.Where(n => Unit(n).Contains("[Install]", StringComparison.Ordinal)), unit => Assert.Contains(unit, enabled));
    }

    private static string Unit(string name) => Repository.Read($"deploy/azure/systemd/{name}");

    private async Task<CliResult> VerifyAsync(string line, string broken)
    {
        Tool.Require(Tool.Find("systemd-analyze") is not null, "systemd-analyze");
        Assert.Contains(Names, name => Unit(name).Contains(line, StringComparison.Ordinal));
        foreach (var name in Names)
        {
            var text = OnlyOnTheVm().Replace(Unit(name), "");
            text = line.Length == 0 ? text : text.Replace(line, broken, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(_root.FullName, name), Command().Replace(text, "$1=/bin/true"));
        }

        File.WriteAllText(
            Path.Combine(_root.FullName, "docker.service"),
            "[Unit]\nDescription=Stands for Docker's own\n[Service]\nExecStart=/bin/true\n");
        return await Tool.RunAsync("systemd-analyze", ["verify", .. Names.Select(n => $"./{n}")], _root.FullName, null, []);
    }

    [GeneratedRegex(@"^(Exec[A-Za-z]+)=/\S+", RegexOptions.Multiline)]
    private static partial Regex Command();

    [GeneratedRegex(@"^(EnvironmentFile|Documentation)=.*\n", RegexOptions.Multiline)]
    private static partial Regex OnlyOnTheVm();

    [GeneratedRegex(@"^Exec[A-Za-z]+=/srv/tidemark/app/(\S+)", RegexOptions.Multiline)]
    private static partial Regex Program();

    [GeneratedRegex(@"\btidemark(-[a-z]+)?\.(service|timer)\b")]
    private static partial Regex EnabledUnit();
}
