using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>backup.sh with stand-ins for PostgreSQL's clients: what an interrupted backup leaves.</summary>
public sealed class BackupTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-backup-");

    private string Backups => Path.Combine(_root.FullName, "backups");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("TERM", 143), InlineData("HUP", 129)]
    public async Task An_interrupted_backup_leaves_nothing(string signal, int exitCode)
    {
        var result = await BackupAsync($"echo half; kill -{signal} $PPID; sleep 1");
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Empty(Directory.GetFiles(Backups));
    }

    [Fact]
    public async Task What_a_killed_backup_left_goes_with_the_next_one()
    {
        Directory.CreateDirectory(Backups);
        var (old, young, foreign) = (Leftover("iotdata-20260101T000000Z-timescaledb-2.28.4.dump.partial"), Leftover("iotdata-20260102T000000Z-timescaledb-2.28.4.dump.partial"), Leftover("other.partial"));
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        File.SetLastWriteTimeUtc(foreign, DateTime.UtcNow.AddHours(-2));
        var result = await BackupAsync("echo whole");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal([foreign, young, result.Output.Trim()], Directory.GetFiles(Backups).OrderBy(f => f == foreign ? 0 : f == young ? 1 : 2));

        string Leftover(string name)
        {
            var file = Path.Combine(Backups, name);
            File.WriteAllText(file, "half");
            return file;
        }
    }

    private async Task<CliResult> BackupAsync(string dump)
    {
        Tool.Require(!OperatingSystem.IsWindows(), "sh");
        StandIn("psql", "echo 2.28.4");
        StandIn("pg_dump", dump);
        StandIn("pg_restore", "cat > /dev/null");
        return await Tool.RunAsync(
            "sh", [Repository.PathOf("deploy/docker/backup.sh"), Backups], null, "",
            [("PATH", $"{_root.FullName}:{Environment.GetEnvironmentVariable("PATH")}"), ("PGHOST", "127.0.0.1"), ("PGDATABASE", null)]);
    }

    private void StandIn(string name, string script)
    {
        var file = Path.Combine(_root.FullName, name);
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
