using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// What holds for all of deploy/azure and can be read off its files; the plan itself is tested by deploy/azure/tests,
/// which name every rule and resource because a test of Terraform can't list them. These tests see to it that they do.
/// </summary>
public sealed partial class TerraformFilesTests
{
    private static readonly string Main = string.Join(
        '\n',
        Directory.GetFiles(Repository.PathOf("deploy/azure"), "*.tf").Order(StringComparer.Ordinal).Select(File.ReadAllText));

    private static readonly List<(string Type, string Name, string Body)> Resources =
        [.. Resource().Matches(Main).Select(m => (m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value))];

    private static readonly string PlanTests = Repository.Read("deploy/azure/tests/plan.tftest.hcl");

    [Fact]
    public void Every_rule_is_one_that_the_plan_tests_judge()
    {
        Assert.Equal(["deny", "inbound"], Resources.Where(r => r.Type == "azurerm_network_security_rule").Select(r => r.Name).Order());
        Assert.DoesNotContain("security_rule {", Main, StringComparison.Ordinal);
        Assert.DoesNotContain("security_rule =", Main, StringComparison.Ordinal);
        Assert.Single(Resources, r => r.Type == "azurerm_network_security_group");
        Assert.Single(Resources, r => r.Type == "azurerm_public_ip");
        Assert.Single(Resources, r => r.Type == "azurerm_network_interface");
    }

    [Fact]
    public void Every_resource_with_tags_is_one_that_the_plan_tests_judge()
    {
        string[] untaggable =
        [
            "azurerm_consumption_budget_subscription", "azurerm_maintenance_assignment_virtual_machine", "azurerm_management_lock",
            "azurerm_monitor_data_collection_rule_association", "azurerm_monitor_diagnostic_setting",
            "azurerm_network_security_rule", "azurerm_role_assignment", "azurerm_storage_container",
            "azurerm_storage_management_policy", "azurerm_subnet", "azurerm_subnet_network_security_group_association",
            "azurerm_virtual_machine_data_disk_attachment",
        ];
        foreach (var resource in Resources.Where(r => !untaggable.Contains(r.Type)))
        {
            Assert.Matches(@"\n  tags +=", resource.Body);
            Assert.Matches($@"\b{resource.Type}\.{resource.Name}(\)?\[(0|\*)\])?\.tags\b", PlanTests);
        }
    }

    [Fact]
    public void What_holds_data_is_not_destroyed_by_Terraform()
    {
        var kept = Resources.Where(r => PreventDestroy().IsMatch(r.Body)).Select(r => $"{r.Type}.{r.Name}");
        Assert.Equal(["azurerm_managed_disk.data", "azurerm_storage_account.backups"], kept.Order());
    }

    /// <summary>A backup counts as arrived with the request that makes its blocks one blob, the last of an upload.</summary>
    [Fact]
    public void The_alert_waits_for_what_ends_an_upload()
    {
        Assert.Contains(
            "OperationName == \"PutBlockList\" and StatusCode == \"201\"",
            Resources.Single(r => r is { Type: "azurerm_monitor_scheduled_query_rules_alert_v2", Name: "backups" }).Body,
            StringComparison.Ordinal);
        Assert.Matches(@"--request PUT [^\n]*\\\n[^\n]*comp=blocklist""", Repository.Read("deploy/azure/blob.sh"));
    }

    /// <summary>A word of the API's own, without which late maintenance would pass for none.</summary>
    [Fact]
    public void The_alert_on_late_maintenance_looks_for_what_health_says()
    {
        Assert.Contains("content_match      = content.value", Main, StringComparison.Ordinal);
        Assert.Contains("[\"\\\"late\\\"\"]", Main, StringComparison.Ordinal);
        Assert.Contains("`\"state\": \"late\"`", Repository.Read("docs/operations.md"), StringComparison.Ordinal);
    }

    /// <summary>Azure makes a new VM for each of them, so a changed script, a new key or a newer image would make one.</summary>
    [Theory]
    [InlineData("custom_data"), InlineData("admin_ssh_key"), InlineData("source_image_reference[0].version")]
    public void What_belongs_to_the_first_boot_makes_no_new_VM(string attribute)
    {
        var ignored = IgnoredChanges().Match(Resources.Single(r => r.Type == "azurerm_linux_virtual_machine").Body).Groups[1].Value;
        Assert.Contains(attribute, ignored.Split(", "));
    }

    [Fact]
    public void Nothing_makes_a_secret_or_shows_one()
    {
        foreach (var file in Directory.GetFiles(Repository.PathOf("deploy/azure"), "*.*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) is ".tf" or ".tftpl" or ".example"))
        {
            Assert.DoesNotMatch(
                "random_password|random_id|access_key\\b(?!_enabled)|connection_string|client_secret|admin_password|sas_token",
                File.ReadAllText(file));
        }

        Assert.DoesNotMatch("(?i)secret|password|sensitive|primary_", Repository.Read("deploy/azure/outputs.tf"));
        Assert.DoesNotMatch("(?m)^ *(client_|tenant_id|use_msi|use_oidc)", Repository.Read("deploy/azure/versions.tf"));
    }

    [Fact]
    public void Versions_are_bounded()
    {
        var versions = Repository.Read("deploy/azure/versions.tf");
        Assert.Contains("required_version = \">= 1.11\"", versions, StringComparison.Ordinal);
        Assert.Matches("source += \"hashicorp/azurerm\"\n +version += \"~> 5\\.2\"", versions);
        Assert.Equal(["azurerm"], Resources.Select(r => r.Type.Split('_')[0]).Distinct());
    }

    /// <summary>A provider that nobody registered fails on a fresh subscription only, where no test is.</summary>
    [Fact]
    public void Every_kind_of_resource_has_its_provider_registered()
    {
        var versions = Repository.Read("deploy/azure/versions.tf");

        // As azurerm's own lists spell them; it compares with case. What isn't in those lists must not be here.
        string[] names =
        [
            "Microsoft.Compute", "Microsoft.DevTestLab", "Microsoft.Maintenance", "Microsoft.ManagedIdentity",
            "Microsoft.Network", "Microsoft.OperationalInsights", "Microsoft.Storage", "microsoft.insights",
        ];
        Assert.Equal(names, Provider().Matches(versions).Select(m => m.Groups[1].Value));
    }

    [Theory]
    [InlineData("terraform.tfstate"), InlineData("terraform.tfstate.backup"), InlineData("terraform.tfvars")]
    [InlineData("main.tfplan"), InlineData("main.destroy.tfplan"), InlineData(".terraform/x"), InlineData("backend.hcl")]
    public async Task Git_ignores_what_may_hold_secrets_or_is_one_machine_s(string name)
    {
        var result = await Tool.RunAsync("git", ["check-ignore", $"deploy/azure/{name}"], Repository.Root, null, []);
        Assert.True(result.ExitCode == 0, $"{name}: {result.Error}");
    }

    /// <summary>Deployers commit theirs, as docs/deploy-azure.md says. Here is none, since its hashes are those of one registry.</summary>
    [Fact]
    public async Task Git_takes_the_lock_file_of_whoever_deploys()
    {
        var result = await Tool.RunAsync("git", ["check-ignore", "deploy/azure/.terraform.lock.hcl"], Repository.Root, null, []);
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("", (await Tool.RunAsync("git", ["ls-files", "*.terraform.lock.hcl"], Repository.Root, null, [])).Output);
    }

    [GeneratedRegex("^resource \"([a-z0-9_]+)\" \"([a-z_]+)\" \\{\n(.*?)^\\}$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Resource();

    [GeneratedRegex("^ +\"(microsoft\\.[a-z]+)\",$", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Provider();

    [GeneratedRegex(@"ignore_changes = \[(.+)\]\n")]
    private static partial Regex IgnoredChanges();

    [GeneratedRegex(@"prevent_destroy = true\n")]
    private static partial Regex PreventDestroy();
}
