using System.Diagnostics;
using System.Text.Json;

namespace Tidemark.Cli;

/// <summary>
/// <c>server.json</c> in the folder of an embedded store: where the server listens that has the store open. The other
/// commands find it there. Only its owner may read it.
/// </summary>
internal sealed record ServerFile(string Url, int Pid)
{
    public const string Name = "server.json";

    private static readonly JsonSerializerOptions JsonOptions = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <returns>Null when there is no such file, or the process that wrote it is gone.</returns>
    public static ServerFile? Find(string folder)
    {
        try
        {
            var file = JsonSerializer.Deserialize<ServerFile>(File.ReadAllText(Path.Combine(folder, Name)), JsonOptions);
            return file is not null && IsRunning(file.Pid) && Uri.IsWellFormedUriString(file.Url, UriKind.Absolute) ? file : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Names this process; whoever reads the file sees all of it or none.</summary>
    public static void Write(string folder, string url)
    {
        var path = Path.Combine(folder, Name);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        File.Delete(path + ".new");
        using (var stream = new FileStream(path + ".new", options))
        {
            JsonSerializer.Serialize(stream, new ServerFile(url, Environment.ProcessId), JsonOptions);
        }

        File.Move(path + ".new", path, overwrite: true);
    }

    public static void Delete(string folder) => File.Delete(Path.Combine(folder, Name));

    private static bool IsRunning(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
