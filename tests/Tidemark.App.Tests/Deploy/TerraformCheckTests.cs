using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>.ci/terraform in a clone somewhere, with a stand-in for Terraform that writes down what it is asked.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class TerraformCheckTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-check-");
    private readonly string _clone;

    public TerraformCheckTests()
    {
        _clone = _root.CreateSubdirectory("clone").FullName;
        Directory.CreateDirectory(Path.Combine(_clone, "deploy/azure"));
        Script("clone/.ci/terraform", Repository.Read(".ci/terraform"));
        Script("bin/terraform", """
            #!/bin/sh
            echo "$2"
            [ "$2" != init ] || [ -z "$NO_PROVIDER" ] || { echo "Error: Failed to query available provider packages"; exit 1; }
            """);
        Script("other", "#!/bin/sh\necho \"other $*\"\n");

        // What lies beside a clone is not its own.
        Script("shared/terraform/check", "#!/bin/sh\necho beside\n");
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task It_checks_format_configuration_and_tests()
        => Assert.Equal((0, "fmt\nvalidate\ntest\n", ""), await RunAsync());

    [Fact]
    public async Task Without_a_provider_it_checks_the_format_and_says_so()
    {
        var (exitCode, output, error) = await RunAsync(("NO_PROVIDER", "1"));
        Assert.Equal((0, "fmt\n"), (exitCode, output));
        Assert.EndsWith(
            "of deploy/azure only the format is checked: its provider can't be had; TERRAFORM_CHECK may name another way\n", error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_way_is_named_by_a_variable()
        => Assert.Equal((0, "other deploy/azure\n", ""), await RunAsync(("TERRAFORM_CHECK", Path.Combine(_root.FullName, "other"))));

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params (string, string?)[] environment)
    {
        var path = $"{Path.Combine(_root.FullName, "bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        var result = await Tool.RunAsync(
            Path.Combine(_clone, ".ci/terraform"), [], null, null,
            [("PATH", path), ("CI", "true"), ("TERRAFORM_CHECK", null), ("NO_PROVIDER", null), .. environment]);
        return (result.ExitCode, result.Output, result.Error);
    }

    private void Script(string path, string text)
    {
        var file = Path.Combine(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
