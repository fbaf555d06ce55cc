using System.Text;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/azure/cloud-init.yaml.tftpl as Terraform renders it, which needs neither provider nor Azure.</summary>
public sealed partial class CloudInitTests : IDisposable
{
    /// <summary>cloud-init passes over a misspelt one without a word.</summary>
    private static readonly string[] KnownKeys = ["write_files", "runcmd"];

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-cloud-init-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task It_follows_the_schema()
    {
        var result = await CheckAsync(await RenderAsync(Template));
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }

    [Theory]
    [InlineData("permissions: \"0755\"", "permissions: 493")]
    [InlineData("runcmd:\n", "runcmd: 5\nfinal_message: |\n")]
    public async Task What_is_not_in_the_schema_is_found(string line, string broken)
    {
        Assert.Contains(line, Template, StringComparison.Ordinal);
        Assert.NotEqual(0, (await CheckAsync(await RenderAsync(Template.Replace(line, broken, StringComparison.Ordinal)))).ExitCode);
    }

    [Fact]
    public void Its_top_level_keys_are_known()
    {
        Assert.StartsWith("#cloud-config\n", Template, StringComparison.Ordinal);
        Assert.Equal(KnownKeys, TopLevelKey().Matches(Template).Select(m => m.Groups[1].Value));
    }

    [Fact]
    public async Task The_files_arrive_as_they_are_and_run_from_where_they_are_written()
    {
        var rendered = await RenderAsync(Template);
        var files = WrittenFile().Matches(rendered)
            .ToDictionary(m => m.Groups[1].Value, m => Encoding.UTF8.GetString(Convert.FromBase64String(m.Groups[2].Value)));
        Assert.Equal(Repository.Read("deploy/azure/docker-setup.sh"), files["/usr/local/sbin/tidemark-docker-setup"]);
        Assert.Equal(Repository.Read("deploy/azure/data-disk.sh"), files["/usr/local/sbin/tidemark-data-disk"]);
        Assert.Equal(Repository.Read("deploy/azure/systemd/tidemark-disk.service"), files["/etc/systemd/system/tidemark-disk.service"]);
        Assert.Equal(Repository.Read("deploy/azure/systemd/tidemark-resume.service"), files["/etc/systemd/system/tidemark-resume.service"]);
        Assert.Contains(
            "ExecStart=/usr/local/sbin/tidemark-data-disk ",
            files["/etc/systemd/system/tidemark-disk.service"],
            StringComparison.Ordinal);
        Assert.Contains("\n  - [/usr/local/sbin/tidemark-docker-setup]\n", rendered, StringComparison.Ordinal);
    }

    private static string Template => Repository.Read("deploy/azure/cloud-init.yaml.tftpl");

    /// <summary>The values that main.tf gives; files are this clone's.</summary>
    private async Task<string> RenderAsync(string template)
    {
        Tool.Require(Tool.Find("terraform") is not null, "terraform");
        var file = Path.Combine(_root.FullName, "cloud-init.yaml.tftpl");
        File.WriteAllText(file, template);
        var azure = Repository.PathOf("deploy/azure");
        var expression = $$"""
            base64encode(templatefile("{{file}}", {
              docker_setup = file("{{azure}}/docker-setup.sh"),
              data_disk = file("{{azure}}/data-disk.sh"),
              disk_service = file("{{azure}}/systemd/tidemark-disk.service"),
              resume_service = file("{{azure}}/systemd/tidemark-resume.service"),
              lun = 10,
              site = "tidemark.example.org",
              backup_container = "https://account.blob.core.windows.net/backups",
              client_id = "11111111-2222-3333-4444-555555555555"
            }))
            """.ReplaceLineEndings(" ");
        var result = await Tool.RunAsync("terraform", ["console"], _root.FullName, expression, [("CHECKPOINT_DISABLE", "1")]);
        Assert.True(result.ExitCode == 0, result.Error);
        return Encoding.UTF8.GetString(Convert.FromBase64String(result.Output.Trim().Trim('"')));
    }

    private async Task<CliResult> CheckAsync(string userData)
    {
        Tool.Require(Tool.Find("cloud-init") is not null, "cloud-init");
        var file = Path.Combine(_root.FullName, "user-data.yaml");
        File.WriteAllText(file, userData);
        return await Tool.RunAsync("cloud-init", "schema", "--config-file", file);
    }

    [GeneratedRegex("^([a-z_]+):", RegexOptions.Multiline)]
    private static partial Regex TopLevelKey();

    [GeneratedRegex("- path: (\\S+)\n    permissions: \"[0-7]+\"\n    encoding: b64\n    content: (\\S+)\n")]
    private static partial Regex WrittenFile();
}
