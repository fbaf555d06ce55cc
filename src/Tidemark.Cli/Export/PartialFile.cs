namespace Tidemark.Cli.Export;

/// <summary>A file that stands under its name only once it is whole: it is written beside it and moved.</summary>
internal static class PartialFile
{
    /// <param name="path">Replaced when it is there.</param>
    /// <param name="write">Fills the file; when it throws, nothing is left.</param>
    /// <param name="cancellationToken">As for anything that throws.</param>
    public static async Task WriteAsync(string path, Func<Stream, Task> write, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path))
        {
            throw new CommandFailedException($"{path} is a folder; name a file in it");
        }

        if (Path.GetDirectoryName(path) is { Length: > 0 } folder && !Directory.Exists(folder))
        {
            throw new CommandFailedException($"{folder}: there is no such folder");
        }

        var partial = $"{path}.partial";
        try
        {
            await using (var stream = new FileStream(partial, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16))
            {
                await write(stream);
                await stream.FlushAsync(cancellationToken);
                stream.Flush(flushToDisk: true);
            }

            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }
}
