using System.Diagnostics;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A small file system in memory; the test is skipped where mounting isn't allowed.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    private SmallDisk(string path) => _path = path;

    public static SmallDisk Mount(string path, string size)
    {
        Directory.CreateDirectory(path);
        if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", path).Length > 0)
        {
            Assert.Skip("mounting a file system isn't allowed here");
        }

        return new SmallDisk(path);
    }

    public void MakeReadOnly() => Assert.Equal("", Run("mount", "-o", "remount,ro", _path));

    public void Enlarge(string size) => Assert.Equal("", Run("mount", "-o", $"remount,size={size}", _path));

    /// <summary>To the owner of another folder.</summary>
    public void GiveTo(string like) => Assert.Equal("", Run("chown", $"--reference={like}", _path));

    public void Dispose() => Run("umount", _path);

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })
            ?? throw new InvalidOperationException(program);
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : $"{program}: {error}";
    }
}
