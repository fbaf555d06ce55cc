using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/azure/data-disk.sh on files that stand for disks. Needs root, and a machine that allows loop devices.</summary>
[SupportedOSPlatform("linux")]
public sealed class DataDiskTests : IAsyncLifetime
{
    private const long Size = 64 << 20;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-disk-");
    private string? _loop;

    private string Image => Path.Combine(_root.FullName, "image");

    private string MountPoint => Path.Combine(_root.FullName, "mounted");

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(
            Tool.Find("losetup") is not null && Tool.Find("mkfs.ext4") is not null,
            "losetup or mkfs.ext4 is not on this machine");
        await using (var file = File.Create(Image))
        {
            file.SetLength(Size);
        }

        var attached = await AttachAsync();
        Assert.SkipUnless(attached.ExitCode == 0, $"loop devices are not allowed here: {attached.Error.Trim()}");
        await DetachAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await UnmountAsync();
        await DetachAsync();
        _root.Delete(recursive: true);
    }

    [Fact]
    public async Task A_blank_disk_gets_a_file_system_once_and_keeps_what_is_written()
    {
        await PlugInAsync("data/by-lun/10");
        var first = await RunAsync();
        Assert.True(first.ExitCode == 0, first.Error);
        Assert.Contains("made a file system on the blank disk", first.Output, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(MountPoint, "reading"), "21.5");

        // While it is mounted, after a reboot, and on a new VM that knows it by the other name.
        Assert.Equal(0, (await RunAsync()).ExitCode);
        await UnmountAsync();
        Assert.Equal(0, (await RunAsync()).ExitCode);
        await UnmountAsync();
        await DetachAsync();
        await PlugInAsync("scsi1/lun10");
        var last = await RunAsync();
        Assert.Equal((0, $"{_loop} is mounted at {MountPoint}\n"), (last.ExitCode, last.Output));
        Assert.Equal("21.5", File.ReadAllText(Path.Combine(MountPoint, "reading")));
    }

    [Fact]
    public async Task A_disk_that_has_grown_is_mounted_with_its_data()
    {
        await PlugInAsync("data/by-lun/10");
        await RunAsync();
        File.WriteAllText(Path.Combine(MountPoint, "reading"), "21.5");
        await UnmountAsync();
        await DetachAsync();
        await using (var file = File.OpenWrite(Image))
        {
            file.SetLength(2 * Size);
        }

        await PlugInAsync("data/by-lun/10");
        Assert.Equal(0, (await RunAsync()).ExitCode);
        Assert.Equal("21.5", File.ReadAllText(Path.Combine(MountPoint, "reading")));
    }

    [Theory]
    [InlineData("data", "isn't blank"), InlineData("swap", "TYPE=swap"), InlineData("partitions", "PTTYPE=dos")]
    public async Task A_disk_that_holds_anything_else_stays_as_it_is(string contents, string message)
    {
        await using (var file = File.OpenWrite(Image))
        {
            file.Position = 5_000_000;
            file.Write("encrypted, perhaps"u8);
            if (contents == "partitions")
            {
                file.Position = 446;
                file.Write([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0]);
                file.Position = 510;
                file.Write([0x55, 0xAA]);
            }
        }

        if (contents == "swap")
        {
            Assert.Equal(0, (await Tool.RunAsync("mkswap", Image)).ExitCode);
        }

        var before = await Tool.RunAsync("sha256sum", Image);
        await PlugInAsync("data/by-lun/10");
        var result = await RunAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(message, Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Contains("stays as it is", result.Error, StringComparison.Ordinal);
        Assert.False(Path.Exists(MountPoint));
        await DetachAsync();
        Assert.Equal(before.Output, (await Tool.RunAsync("sha256sum", Image)).Output);
    }

    [Fact]
    public async Task Without_a_disk_it_waits_and_makes_nothing()
    {
        var result = await RunAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("data-disk.sh: there is no data disk at LUN 10: attach it (terraform apply), then try again\n", result.Error);
        Assert.False(Path.Exists(MountPoint));
    }

    [Fact]
    public async Task A_disk_that_is_attached_late_is_mounted()
    {
        var running = RunAsync("60");
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        Assert.False(running.IsCompleted);
        await PlugInAsync("data/by-lun/10");
        Assert.Equal(0, (await running).ExitCode);
        Assert.Equal(0, (await Tool.RunAsync("mountpoint", "-q", MountPoint)).ExitCode);
    }

    private Task<CliResult> RunAsync(string seconds = "1")
        => Tool.RunAsync(
            Repository.PathOf("deploy/azure/data-disk.sh"),
            ["10", MountPoint, seconds],
            null,
            null,
            [("DEV_FOLDER", _root.FullName)]);

    /// <summary>A link as udev makes it, to the file's loop device.</summary>
    private async Task PlugInAsync(string name)
    {
        await AttachAsync();
        var links = Path.Combine(_root.FullName, "disk", "azure");
        if (Directory.Exists(links))
        {
            Directory.Delete(links, recursive: true);
        }

        var link = Path.Combine(links, name);
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.CreateSymbolicLink(link, _loop!);
    }

    private async Task<CliResult> AttachAsync()
    {
        var result = await Tool.RunAsync("losetup", "--find", "--show", Image);
        _loop = result.ExitCode == 0 ? result.Output.Trim() : null;
        return result;
    }

    private async Task DetachAsync()
    {
        if (_loop is not null)
        {
            await Tool.RunAsync("losetup", "--detach", _loop);
            _loop = null;
        }
    }

    private Task<CliResult> UnmountAsync() => Tool.RunAsync("umount", MountPoint);
}
