using System.Diagnostics;
using System.Text.Json;
using Tidemark.Server.Keys;

namespace Tidemark.Cli;

/// <summary>
/// <c>server.json</c> in the folder of an embedded store: where the server listens that has the store open, and the key that opens
/// it to the other commands. Only its owner may read it.
/// </summary>
internal sealed record ServerFile(string Url, int Pid, string Key)
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
    public static void Write(string folder, string url, string key) => OwnersFile.Write(
        Path.Combine(folder, Name), stream => JsonSerializer.Serialize(
            stream,
            new ServerFile(url, Environment.ProcessId, key),
            JsonOptions));

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
