using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// backup.sh with stand-ins for PostgreSQL's clients and for df: what an interrupted backup leaves, and what happens when room is short.
/// </summary>
public sealed class BackupTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-backup-");

    private string Backups => Path.Combine(_root.FullName, "backups");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("TERM", 143), InlineData("HUP", 129), InlineData("INT", 130)]
    public async Task An_interrupted_backup_leaves_nothing(string signal, int exitCode)
    {
        var result = await BackupAsync($"echo half; kill -{signal} $(cat {Path.Combine(_root.FullName, "pid")}); sleep 1");
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Empty(Directory.GetFiles(Backups));
    }

    [Fact]
    public async Task What_a_killed_backup_left_goes_with_the_next_one()
    {
        Directory.CreateDirectory(Backups);
        var (old, young, foreign) = (Leftover("iotdata-20260101T000000Z-timescaledb-2.28.4.dump.partial"), Leftover(
            "iotdata-20260102T000000Z-timescaledb-2.28.4.dump.partial"), Leftover("other.partial"));
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        File.SetLastWriteTimeUtc(foreign, DateTime.UtcNow.AddHours(-2));
        var result = await BackupAsync("echo whole");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(
            [foreign, young, result.Output.Trim()],
            Directory.GetFiles(Backups).OrderBy(f => f == foreign ? 0 : f == young ? 1 : 2));

        string Leftover(string name)
        {
            var file = Path.Combine(Backups, name);
            File.WriteAllText(file, "half");
            return file;
        }
    }

    /// <summary>The database on the same disk stops writing when the disk is full.</summary>
    [Fact]
    public async Task Where_room_is_short_nothing_is_dumped()
    {
        var newest = Backup(1, mebibytes: 8);
        var result = await BackupAsync($"touch {Path.Combine(_root.FullName, "asked")}", Disk(size: 100, free: 19));
        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"backup.sh: the disk of {Backups} has no room for a backup: it may take 9 MiB and needs about 10; a bigger disk or "
            + "a shorter retention helps\n", result.Error);
        Assert.False(File.Exists(Path.Combine(_root.FullName, "asked")));
        Assert.Equal([newest], Directory.GetFiles(Backups));
    }

    [Fact]
    public async Task Older_backups_make_room_for_the_new_one()
    {
        var (oldest, newest) = (Backup(1, mebibytes: 8), Backup(2, mebibytes: 8));
        var result = await BackupAsync("echo whole", $"[ -e {oldest} ] && {Disk(size: 100, free: 19)} || {Disk(size: 100, free: 27)}");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal($"backup.sh: removed {oldest} to make room\n", result.Error);
        Assert.Equal([newest, result.Output.Trim()], Directory.GetFiles(Backups).Order(StringComparer.Ordinal));
    }

    /// <summary>It may be far larger than the last one.</summary>
    [Fact]
    public async Task A_dump_that_outgrows_the_room_ends_before_the_disk_is_full()
    {
        var newest = Backup(1, mebibytes: 1);
        var result = await BackupAsync("head -c 100M /dev/zero 2> /dev/null", Disk(size: 100, free: 13));
        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"backup.sh: the backup of iotdata outgrew the 3 MiB that it may take on the disk of {Backups}\n", result.Error);
        Assert.Equal([newest], Directory.GetFiles(Backups));
    }

    [Fact]
    public async Task A_dump_that_fails_is_no_backup()
    {
        var result = await BackupAsync("echo half; exit 1");
        Assert.Equal((1, "backup.sh: pg_dump of iotdata failed\n"), (result.ExitCode, result.Error));
        Assert.Empty(Directory.GetFiles(Backups));
    }

    [Fact]
    public async Task The_newest_are_kept()
    {
        var backups = Enumerable.Range(1, 14).Select(day => Backup(day, mebibytes: 0)).ToList();
        var result = await BackupAsync("echo whole");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal([.. backups.Skip(1), result.Output.Trim()], Directory.GetFiles(Backups).Order(StringComparer.Ordinal));
    }

    private string Backup(int day, int mebibytes)
    {
        Directory.CreateDirectory(Backups);
        var file = Path.Combine(Backups, $"iotdata-202601{day:00}T000000Z-timescaledb-2.28.4.dump");
        File.WriteAllBytes(file, new byte[mebibytes << 20]);
        return file;
    }

    /// <summary>What df says of a disk, in MiB.</summary>
    private static string Disk(int size, int free)
        => $"printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/sdc {size * 1024} 0 {free * 1024} 0%% /\\n'";

    private async Task<CliResult> BackupAsync(string dump, string df = "exec /bin/df \"$@\"")
    {
        Tool.Require(!OperatingSystem.IsWindows(), "sh");
        StandIn("psql", "echo 2.28.4");
        StandIn("pg_dump", dump);
        StandIn("pg_restore", "cat > /dev/null");
        StandIn("df", df);
        return await Tool.RunAsync(
            "sh", ["-c", $"echo $$ > {Path.Combine(_root.FullName, "pid")}; exec sh \"$@\"",
            "sh", Repository.PathOf("deploy/docker/backup.sh"), Backups], null, "",
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
