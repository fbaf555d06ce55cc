using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// The order in which deploy/azure/upgrade.sh and restore.sh do things, with stand-ins for what they call. What those do is tested
/// elsewhere.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class UpgradeTests : IDisposable
{
    /// <summary>
    /// Writes down what it is asked, and answers as an engine with three databases would, two of them with the extension.
    /// </summary>
    private const string Docker = """
        #!/bin/sh
        echo "docker $*" >> "$LOG"
        case "$*" in
          *"config --images"*) echo "timescale/timescaledb:2.33.0-pg$NEW_MAJOR"; echo caddy:2.11.7-alpine ;;
          *server_version_num*) echo 17 ;;
          *"FROM pg_database"*) printf 'iotdata\nother\ntemplate1\n' ;;
          *"-d other "*) ;;
          *"image ls"*) printf 'tidemark:0.1.0-new\ntidemark:0.1.0-old\ntidemark:0.1.0-older\n' ;;
          *"SELECT 1 FROM pg_extension"*) echo 1 ;;
          *extversion*) echo "TimescaleDB 2.33.0" ;;
        esac
        """;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-upgrade-");
    private readonly string _azure;

    public UpgradeTests()
    {
        _azure = _root.CreateSubdirectory("deploy/azure").FullName;
        _root.CreateSubdirectory(".git");
        foreach (var name in new[] { "upgrade.sh", "restore.sh" })
        {
            File.Copy(Repository.PathOf($"deploy/azure/{name}"), Path.Combine(_azure, name));
        }

        Write("bin/docker", Docker);
        (string Path, string Name)[] standIns =
        [
            ("bin/git", "git"),
            ("deploy/azure/backup.sh", "backup.sh"),
            ("deploy/azure/install.sh", "install.sh"),
            ("deploy/docker/restore.sh", "restore"),
        ];
        foreach (var (path, name) in standIns)
        {
            Write(path, $"#!/bin/sh\necho \"{name} $*\" >> \"$LOG\"\n");
        }

        Write("deploy/azure/blob.sh", """
            #!/bin/sh
            echo "blob.sh $*" >> "$LOG"
            [ "$1" != list ] || for name in 20260102T000000Z-timescaledb-2.32.0.settings.tar \
              20260102T000000Z-timescaledb-2.32.0.dump 20260101T000000Z-timescaledb-2.32.0.dump; do echo "iotdata-$name"; done
            """);
    }

    private string Log => Path.Combine(_root.FullName, "log");

    public void Dispose() => _root.Delete(recursive: true);

    /// <summary>The files may have come by scp, as docs/deploy-azure.md allows.</summary>
    [Fact]
    public async Task A_copy_that_is_no_clone_is_upgraded_to_its_own_files()
    {
        Directory.Delete(Path.Combine(_root.FullName, ".git"));
        var result = await RunAsync("upgrade.sh", "17");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.StartsWith("no clone, nothing to pull", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("git", File.ReadAllText(Log), StringComparison.Ordinal);
        Assert.Contains("install.sh --prepare", File.ReadAllLines(Log));
    }

    [Fact]
    public async Task It_backs_up_first_and_updates_the_extension_in_every_database_that_has_it()
    {
        var result = await RunAsync("upgrade.sh", "17");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal("iotdata: TimescaleDB 2.33.0\ntemplate1: TimescaleDB 2.33.0\n", result.Output);

        const string Session = "docker compose exec -T timescaledb psql -X -q -U postgres -d";
        var steps = File.ReadAllLines(Log).Where(l => !l.Contains("SELECT", StringComparison.Ordinal)
            && !l.Contains("config", StringComparison.Ordinal));
        Assert.Equal(
            [
                "backup.sh ", $"git -C {_azure} pull --ff-only", "install.sh --prepare", "docker compose stop proxy api",
                "docker compose up --detach --no-build --wait timescaledb",
                $"{Session} iotdata -t -A -v ON_ERROR_STOP=1 -c ALTER EXTENSION timescaledb UPDATE", $"{Session} template1 -t -A -v "
                    + "ON_ERROR_STOP=1 -c ALTER EXTENSION timescaledb UPDATE",
                "docker compose up --detach --no-build --remove-orphans --wait",
                "docker image ls --filter reference=tidemark:*-* --format {{.Repository}}:{{.Tag}}",
                "docker image rm tidemark:0.1.0-older",
                "docker image prune --all --force --filter label!=org.opencontainers.image.title=Tidemark",
                "docker builder prune --force --filter until=336h",
            ],
            steps);
    }

    [Fact]
    public async Task Another_major_version_of_PostgreSQL_is_refused_before_anything_stops()
    {
        var result = await RunAsync("upgrade.sh", "18");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("upgrade.sh: PostgreSQL 17 can't become 18 by a new image: see \"Upgrade\" in docs/operations.md\n", result.Error);
        Assert.DoesNotContain("docker compose stop", File.ReadAllText(Log), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_newest_backup_is_fetched_and_restored_beside_the_database()
    {
        var result = await RunAsync("restore.sh", "17");
        Assert.True(result.ExitCode == 0, result.Error);
        const string Newest = "iotdata-20260102T000000Z-timescaledb-2.32.0.dump";
        Assert.Equal(
            ["blob.sh list", $"blob.sh get {Newest} {_root.FullName}", $"restore {_root.FullName}/{Newest} iotdata_restored"],
            File.ReadAllLines(Log));
    }

    private Task<CliResult> RunAsync(string script, string major)
        => Tool.RunAsync(Path.Combine(_azure, script), [], null, null,
        [
            ("PATH", $"{Path.Combine(_root.FullName, "bin")}:{Environment.GetEnvironmentVariable("PATH")}"), ("LOG", Log),
            ("NEW_MAJOR", major), ("TIDEMARK_BACKUP_FOLDER", _root.FullName),
        ]);

    private void Write(string path, string text)
    {
        var file = Path.Combine(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
