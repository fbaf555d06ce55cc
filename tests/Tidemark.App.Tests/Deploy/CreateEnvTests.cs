using System.Runtime.Versioning;

namespace Tidemark.App.Tests.Deploy;

[UnsupportedOSPlatform("windows")]
public sealed class CreateEnvTests : IDisposable
{
    private readonly DeployFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_creates_random_passwords_that_only_the_owner_of_the_folder_reaches()
    {
        using var other = new DeployFolder();
        foreach (var folder in new[] { _folder, other })
        {
            Assert.Equal(0, (await folder.CreateEnvAsync()).ExitCode);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.PathOf(".env")));
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(folder.PathOf("secrets")));
        }

        var passwords = new[] { _folder, other }.SelectMany(
            f => new[] { Secret(f, "postgres_password"), Secret(f, "pgpass").Split(':')[^1].TrimEnd('\n') }).ToList();
        Assert.Equal(4, passwords.Distinct().Count());
        Assert.All(passwords, p => Assert.Matches("^[0-9a-f]{48}$", p));
        Assert.StartsWith("*:*:*:tidemark:", Secret(_folder, "pgpass"), StringComparison.Ordinal);
        Assert.All(passwords, p => Assert.DoesNotContain(p, File.ReadAllText(_folder.PathOf(".env")), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(".env"), InlineData("secrets")]
    public async Task What_is_there_already_stays_as_it_is(string existing)
    {
        await _folder.CreateEnvAsync();
        var before = (Secret(_folder, "pgpass"), File.ReadAllText(_folder.PathOf(".env")));
        var other = existing == ".env" ? "secrets" : ".env";
        Directory.Move(_folder.PathOf(other), _folder.PathOf("moved"));

        var result = await _folder.CreateEnvAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(
            $"{_folder.PathOf(existing)} is there already",
            Assert.Single(result.Error.TrimEnd().Split('\n')),
            StringComparison.Ordinal);
        Assert.False(Path.Exists(_folder.PathOf(other)));

        Directory.Move(_folder.PathOf("moved"), _folder.PathOf(other));
        Assert.Equal(before, (Secret(_folder, "pgpass"), File.ReadAllText(_folder.PathOf(".env"))));
    }

    [Theory]
    [InlineData("2g"), InlineData("-1"), InlineData("100")]
    public async Task A_memory_that_makes_no_sense_is_refused(string memory)
    {
        var result = await _folder.CreateEnvAsync(memory);
        Assert.Equal(2, result.ExitCode);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.False(Path.Exists(_folder.PathOf(".env")));
    }

    [Fact]
    public async Task Git_ignores_what_it_creates()
    {
        foreach (var name in new[] { ".env", "secrets/pgpass", "secrets/postgres_password", "backups/iotdata.dump" })
        {
            var result = await Tool.RunAsync("git", ["check-ignore", $"deploy/docker/{name}"], Repository.Root, null, []);
            Assert.True(result.ExitCode == 0, $"{name}: {result.Error}");
        }
    }

    private static string Secret(DeployFolder folder, string name) => File.ReadAllText(Path.Combine(folder.PathOf("secrets"), name));
}
