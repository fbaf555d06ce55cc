using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// deploy/azure/registry-login.sh with stand-ins: curl answers as the metadata service and the registry do, docker writes down how it
/// is signed in.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class RegistryLoginTests : IDisposable
{
    private const string Curl = """
        #!/bin/sh
        for last; do :; done
        echo "$*" >> "$LOG"
        case $last in
          http://169.254.169.254/*resource=https%3A%2F%2Fcontainerregistry.azure.net%2F*)
            [ -z "$NO_IDENTITY" ] || exit 22
            echo '{"access_token":"identity.token","expires_in":"86399"}'
            ;;
          https://example.azurecr.io/oauth2/exchange)
            file=$(echo "$*" | sed 's/.*--data @\([^ ]*\).*/\1/')
            [ "$(cat "$file")" = 'grant_type=access_token&service=example.azurecr.io&access_token=identity.token' ] || exit 22
            [ -z "$NO_ROLE" ] || exit 22
            echo '{"refresh_token":"registry.token"}'
            ;;
          *) exit 3 ;;
        esac
        """;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-registry-");

    public RegistryLoginTests()
    {
        Write("curl", Curl);
        Write("docker", "#!/bin/sh\necho \"docker $* < $(cat)\" >> \"$LOG\"\n");
    }

    private string Log => Path.Combine(_root.FullName, "log");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Docker_is_signed_in_with_the_registry_s_token_and_no_argument_shows_one()
    {
        var result = await RunAsync();
        Assert.True(result.ExitCode == 0, result.Error);
        var lines = File.ReadAllLines(Log);
        const string Login = "docker login example.azurecr.io --username 00000000-0000-0000-0000-000000000000 --password-stdin";
        Assert.Equal($"{Login} < registry.token", lines[^1]);
        Assert.All(lines[..^1], line => Assert.DoesNotContain(".token", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("NO_IDENTITY", "the VM has no managed identity")]
    [InlineData("NO_ROLE", "example.azurecr.io doesn't know the VM's identity: set registry_id, apply, and wait five minutes")]
    public async Task What_is_missing_is_said(string missing, string message)
    {
        var result = await RunAsync((missing, "1"));
        Assert.Equal((1, $"registry-login.sh: {message}\n"), (result.ExitCode, result.Error));
    }

    private Task<CliResult> RunAsync(params (string, string?)[] environment) => Tool.RunAsync(
        Repository.PathOf("deploy/azure/registry-login.sh"), ["example.azurecr.io"], null, null,
        [("PATH", $"{_root.FullName}:{Environment.GetEnvironmentVariable("PATH")}"), ("LOG", Log), .. environment]);

    private void Write(string name, string text)
    {
        var file = Path.Combine(_root.FullName, name);
        File.WriteAllText(file, text);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
