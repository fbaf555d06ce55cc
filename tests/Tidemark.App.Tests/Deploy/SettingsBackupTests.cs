using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// What deploy/azure/backup.sh sends beside a dump and restore.sh --settings puts back, on two folders that stand for two data
/// disks. A third one stands for the backup container, and a stand-in for backup.sh of deploy/docker makes the dump.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class SettingsBackupTests : IDisposable
{
    private const string Keys = "[{\"name\":\"device\",\"hash\":\"abc\"}]";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-settings-");
    private readonly string _container;
    private readonly string _old;
    private readonly string _new;

    public SettingsBackupTests()
    {
        _container = _root.CreateSubdirectory("container").FullName;
        (_old, _new) = (Disk("old"), Disk("new"));
        Write(_old, "keys/tidemark-keys.json", Keys);
        Write(_old, "app/deploy/docker/.env", "TIDEMARK_SECRETS=./secrets\nTIDEMARK_SITE=iot.example.org\n");
        Write(_old, "app/deploy/docker/tidemark.json", "{ \"retention\": \"90d\" }");
        Write(_old, "app/deploy/docker/secrets/pgpass", "password");
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Keys_and_settings_come_back_onto_a_new_disk()
    {
        await RunAsync(_old, "backup.sh");
        await RunAsync(_new, "restore.sh", "--settings");
        Assert.Equal(Keys, Read(_new, "keys/tidemark-keys.json"));
        Assert.Contains("TIDEMARK_SITE=iot.example.org\n", Read(_new, "app/deploy/docker/.env"), StringComparison.Ordinal);
        Assert.Equal("{ \"retention\": \"90d\" }", Read(_new, "app/deploy/docker/tidemark.json"));

        // What a new clone and a new installation made is kept, and no password travels.
        Assert.Equal("new\n", Read(_new, "app/deploy/docker/tidemark.json.before"));
        Assert.False(Directory.Exists(Path.Combine(_new, "app/deploy/docker/secrets")));
    }

    [Fact]
    public async Task Other_users_can_t_read_them_and_their_modes_stay()
    {
        File.SetUnixFileMode(Path.Combine(_old, "keys/tidemark-keys.json"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await RunAsync(_old, "backup.sh");
        var settings = Assert.Single(Directory.GetFiles(Path.Combine(_old, "backups"), "*.settings.tar"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(settings));
        await RunAsync(_new, "restore.sh", "--settings");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_new, "keys/tidemark-keys.json")));
    }

    /// <summary>The alert counts what ends an upload: settings alone must not look like a backup.</summary>
    [Fact]
    public async Task The_dump_is_sent_first_and_without_it_nothing()
    {
        await RunAsync(_old, "backup.sh");
        var sent = File.ReadAllLines(Path.Combine(_container, "log")).Select(Path.GetExtension);
        Assert.Equal([".dump", ".tar"], sent);

        File.WriteAllText(Path.Combine(_old, "app/deploy/azure/blob.sh"), "#!/bin/sh\necho \"$2\" >> \"$CONTAINER/log\"\nexit 1\n");
        Assert.Equal(1, (await StartAsync(_old, "backup.sh")).ExitCode);
        Assert.Equal([".dump", ".tar", ".dump"], File.ReadAllLines(Path.Combine(_container, "log")).Select(Path.GetExtension));
    }

    [Fact]
    public async Task They_go_with_their_dump()
    {
        await RunAsync(_old, "backup.sh");
        File.Delete(Assert.Single(Directory.GetFiles(Path.Combine(_old, "backups"), "*.dump")));
        await Task.Delay(TimeSpan.FromSeconds(1.1));
        await RunAsync(_old, "backup.sh");
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_old, "backups")).Length);
    }

    private string Disk(string name)
    {
        var disk = _root.CreateSubdirectory(name).FullName;
        foreach (var script in new[] { "backup.sh", "restore.sh" })
        {
            Script(disk, $"app/deploy/azure/{script}", Repository.Read($"deploy/azure/{script}"));
        }

        Script(disk, "app/deploy/azure/blob.sh", """
            #!/bin/sh
            case $1 in
              put) cp "$2" "$CONTAINER/" && echo "$2" >> "$CONTAINER/log" ;;
              list) ls "$CONTAINER" ;;
              get) cp "$CONTAINER/$2" "$3/" ;;
            esac
            """);
        Script(disk, "app/deploy/docker/backup.sh", """
            #!/bin/sh
            mkdir -p "$1"
            file=$1/iotdata-$(date -u +%Y%m%dT%H%M%SZ)-timescaledb-2.32.0.dump
            echo dump > "$file"
            echo "$file"
            """);
        Write(disk, "app/deploy/docker/.env", "new\n");
        Write(disk, "app/deploy/docker/tidemark.json", "new\n");
        Directory.CreateDirectory(Path.Combine(disk, "keys"));
        Directory.CreateDirectory(Path.Combine(disk, "backups"));
        return disk;
    }

    private async Task RunAsync(string disk, string script, params string[] arguments)
    {
        var result = await StartAsync(disk, script, arguments);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private Task<CliResult> StartAsync(string disk, string script, params string[] arguments)
        => Tool.RunAsync(Path.Combine(disk, "app/deploy/azure", script), arguments, null, null, [("CONTAINER", _container)]);

    private static string Read(string disk, string path) => File.ReadAllText(Path.Combine(disk, path));

    private static void Script(string disk, string path, string text)
    {
        Write(disk, path, text);
        File.SetUnixFileMode(Path.Combine(disk, path), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static void Write(string disk, string path, string text)
    {
        var file = Path.Combine(disk, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
