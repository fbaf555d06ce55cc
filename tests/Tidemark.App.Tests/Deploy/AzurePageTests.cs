using System.Runtime.Versioning;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Deploy;

/// <summary>What docs/deploy-azure.md names exists.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class AzurePageTests
{
    private static readonly string Page = Repository.Read("docs/deploy-azure.md");

    [Fact]
    public void Its_scripts_are_in_the_folder()
    {
        var names = Script().Matches(Page).Select(m => m.Groups[1].Value).Distinct().ToList();
        Assert.True(names.Count >= 6, string.Join(' ', names));
        Assert.All(names, name => Assert.True(File.Exists(Repository.PathOf($"deploy/azure/{name}")), name));
    }

    [Fact]
    public void Its_units_and_all_of_them_are_in_the_folder()
    {
        var named = Unit().Matches(Page).Select(m => m.Value).Distinct().ToList();
        var units = Directory.GetFiles(Repository.PathOf("deploy/azure/systemd")).Select(f => Path.GetFileName(f)).ToList();
        Assert.All(named, unit => Assert.Contains(unit, units));
        Assert.All(units.Where(u => u.EndsWith(".timer", StringComparison.Ordinal)
            || !units.Contains(Path.ChangeExtension(u, ".timer"))), unit => Assert.Contains(unit, named));
    }

    [Fact]
    public void Its_variables_and_outputs_are_Terraform_s()
    {
        var files = Repository.Read("deploy/azure/variables.tf") + Repository.Read("deploy/azure/outputs.tf");
        var declared = Declaration().Matches(files).Select(m => m.Groups[1].Value).ToHashSet();
        string[] variables =
        [
            "subscription_id", "dns_label", "ssh_public_key", "admin_cidrs", "monthly_budget", "alert_emails", "vm_size",
            "data_disk_gb", "data_disk_type", "backup_days", "night_shutdown", "patch_day", "patch_time", "domain",
            "encryption_at_host", "address",
        ];
        foreach (var name in variables)
        {
            Assert.Contains(name, Page, StringComparison.Ordinal);
            Assert.Contains(name, declared);
        }

        Assert.Contains(Default("vm_size").Trim('"'), Page, StringComparison.Ordinal);
        Assert.Contains($"{Default("data_disk_gb")} GiB `{Default("data_disk_type").Trim('"')}`", Page, StringComparison.Ordinal);
    }

    [Fact]
    public void It_tells_what_stops_a_destroy_and_how_to_go_on()
    {
        Assert.Contains("`prevent_destroy`", Page, StringComparison.Ordinal);
        Assert.Contains("Instance cannot be destroyed", Page, StringComparison.Ordinal);
        foreach (var (kept, file) in new[] { ("azurerm_managed_disk.data", "main.tf"), ("azurerm_storage_account.backups", "backups.tf"),
            ("azurerm_resource_group.vm", "main.tf") })
        {
            Assert.Contains(kept, Page, StringComparison.Ordinal);
            Assert.Contains($"`{file}`", Page, StringComparison.Ordinal);
            var resource = $"resource \"{kept.Replace(".", "\" \"", StringComparison.Ordinal)}\"";
            Assert.Contains(resource, Repository.Read($"deploy/azure/{file}"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Its_table_has_all_thirty_requirements_with_a_check_and_a_result()
    {
        var rows = Row().Matches(Page).ToList();
        Assert.Equal(Enumerable.Range(1, 30), rows.Select(m => int.Parse(m.Groups[1].Value)));
        Assert.All(rows, m => Assert.All(m.Value.Split('|')[1..5], cell => Assert.NotEqual("", cell.Trim())));
    }

    /// <summary>Of the VM's key and of both passwords, none of which Terraform changes.</summary>
    [Fact]
    public void It_tells_how_keys_and_passwords_are_changed()
    {
        Assert.Contains("authorized_keys", Page, StringComparison.Ordinal);
        Assert.Contains("az vm user update ", Page, StringComparison.Ordinal);
        var operations = Repository.Read("docs/operations.md");
        Assert.Contains("\\password tidemark", operations, StringComparison.Ordinal);
        Assert.Contains("\\password postgres", operations, StringComparison.Ordinal);
    }

    /// <summary>The lines of "Clean up", as a user whom the folder of the backups is closed to; `ssh` and `sudo` are stand-ins.</summary>
    [Fact]
    public async Task Its_lines_bring_the_newest_backup_home()
    {
        var root = Directory.CreateTempSubdirectory("tidemark-home-");
        try
        {
            var home = root.CreateSubdirectory("home").FullName;
            var bin = root.CreateSubdirectory("bin").FullName;
            var backups = root.CreateSubdirectory("backups").FullName;
            foreach (var name in new[] { "20260101T000000Z", "20260102T000000Z" })
            {
                File.WriteAllText(Path.Combine(backups, $"iotdata-{name}-timescaledb-2.32.0.dump"), name);
                File.WriteAllText(Path.Combine(backups, $"iotdata-{name}-timescaledb-2.32.0.settings.tar"), name);
            }

            Program("ssh", "[ \"$1\" = azureuser@DNS_LABEL.LOCATION.cloudapp.azure.com ] && [ \"$2\" = sudo ] || exit 1; shift 2; "
                + "exec \"$@\"");
            var lines = CleanUp().Match(Page).Groups[1].Value.Replace("/srv/tidemark/backups", backups, StringComparison.Ordinal);
            var result = await Tool.RunAsync("sh", ["-eu"], home, lines, [("PATH", $"{bin}:{Environment.GetEnvironmentVariable("PATH")}")]);
            Assert.True(result.ExitCode == 0, result.Error);
            string[] files =
            [
                "iotdata-20260102T000000Z-timescaledb-2.32.0.dump",
                "iotdata-20260102T000000Z-timescaledb-2.32.0.settings.tar",
            ];
            Assert.Equal(files, Directory.GetFiles(home).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            Assert.All(files, f => Assert.Equal("20260102T000000Z", File.ReadAllText(Path.Combine(home, f))));

            void Program(string name, string text)
            {
                File.WriteAllText(Path.Combine(bin, name), $"#!/bin/sh\n{text}\n");
                File.SetUnixFileMode(Path.Combine(bin, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Fact]
    public void It_counts_the_values_that_Terraform_refuses()
    {
        var runs = Regex.Count(Repository.Read("deploy/azure/tests/variables.tftest.hcl"), "^run ", RegexOptions.Multiline);
        Assert.Contains($"T: {runs} wrong values refused", Page, StringComparison.Ordinal);
    }

    [Fact]
    public void It_claims_a_locked_restore_only_where_there_is_a_lock_file()
    {
        var locked = Directory.GetFiles(Repository.PathOf("src"), "packages.lock.json", SearchOption.AllDirectories).Length > 0;
        var row = Row().Matches(Page).Single(m => m.Groups[1].Value == "28").Value;
        Assert.Equal(!locked, row.Contains("but for the lock file: there is none", StringComparison.Ordinal));
        Assert.Equal(locked, Repository.Read("deploy/docker/Dockerfile").Contains("--locked-mode", StringComparison.Ordinal));
    }

    [Fact]
    public void It_tells_how_long_each_step_takes_and_what_costs_money()
    {
        string[] steps = ["terraform apply", "install.sh", "backup.sh", "restore.sh", "upgrade.sh", "-replace"];
        Assert.All(steps, step => Assert.Contains(step, Section("How long it takes"), StringComparison.Ordinal));

        string[] paid = ["vm_size", "data_disk_type", "public IPv4", "backup_replication", "availability tests", "traffic"];
        Assert.All(paid, what => Assert.Contains(what, Section("Costs"), StringComparison.Ordinal));
        Assert.Contains($"| `{Default("vm_size").Trim('"')}` |", Section("Costs"), StringComparison.Ordinal);
    }

    [Fact]
    public void It_leads_from_one_s_own_machine_to_the_API_by_the_client()
        => Assert.Matches(@"TIDEMARK_STORE=https://[^\n]+\ndotnet run [^\n]+ -- client\n", Section("4. Ask"));

    /// <summary>Azure adds them to every component of Application Insights, and Terraform deletes nothing that it hasn't made.</summary>
    [Fact]
    public void It_tells_what_Azure_adds_that_stops_a_destroy()
    {
        Assert.Contains("azurerm_application_insights", Repository.Read("deploy/azure/alerts.tf"), StringComparison.Ordinal);
        Assert.Contains("still contains Resources", Section("Clean up"), StringComparison.Ordinal);
        Assert.Contains("Failure Anomalies - tidemark", Section("Clean up"), StringComparison.Ordinal);
    }

    [Fact]
    public void It_names_no_price() => Assert.DoesNotMatch(@"[$€£]\s?\d|\d\s?(USD|EUR|dollars?|euros?)\b", Page);

    private static string Section(string title)
    {
        var start = Page.IndexOf($"\n## {title}\n", StringComparison.Ordinal);
        Assert.True(start >= 0, title);
        var end = Page.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        return Page[start..end];
    }

    private static string Default(string variable)
    {
        var pattern = $"variable \"{variable}\" {{.*?default += ([^\n]+)";
        return Regex.Match(Repository.Read("deploy/azure/variables.tf"), pattern, RegexOptions.Singleline).Groups[1].Value;
    }

    [GeneratedRegex(@"deploy/azure/([a-z-]+\.sh)\b")]
    private static partial Regex Script();

    [GeneratedRegex(@"\btidemark(-[a-z]+)?\.(service|timer)\b")]
    private static partial Regex Unit();

    [GeneratedRegex("^(?:variable|output) \"([a-z_]+)\"", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"```bash\n( +vm=.*?)```", RegexOptions.Singleline)]
    private static partial Regex CleanUp();

    [GeneratedRegex(@"^\| (\d+) \|.*\|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
