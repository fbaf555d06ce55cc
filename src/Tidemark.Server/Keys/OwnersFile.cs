namespace Tidemark.Server.Keys;

/// <summary>Files with secrets: only their owner may read them.</summary>
public static class OwnersFile
{
    /// <summary>Replaces the file; whoever reads it sees all of the old or of the new one.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        File.Delete(path + ".new");
        using (var stream = new FileStream(path + ".new", options))
        {
            write(stream);
        }

        File.Move(path + ".new", path, overwrite: true);
    }
}
