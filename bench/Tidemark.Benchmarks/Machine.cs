using System.Globalization;
using System.Runtime.InteropServices;
using DuckDB.NET.Data;
using Npgsql;

namespace Tidemark.Benchmarks;

/// <summary>Names the machine that the figures were measured on.</summary>
internal static class Machine
{
    public static string Describe()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Cpu()}, {Environment.ProcessorCount} cores, {memory:F0} GiB memory, {System()} ({RuntimeInformation.OSArchitecture}), .NET "
                + $"{Environment.Version}, DuckDB {DuckDb()}");
    }

    /// <summary>The server and its settings that matter for the figures.</summary>
    public static async Task<string> DescribeAsync(string server, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            """
            SELECT format('PostgreSQL %s, TimescaleDB %s, shared_buffers %s, fsync %s', current_setting('server_version'),
                (SELECT default_version FROM pg_available_extensions
                    WHERE name = 'timescaledb'), current_setting('shared_buffers'), current_setting('fsync'))
            """,
            connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <returns>Its path, or null when it is not on the search path.</returns>
    public static string? FindProgram(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);

    private static string Cpu() => Field("/proc/cpuinfo", "model name", ':') ?? "unknown CPU";

    private static string System() => Field("/etc/os-release", "PRETTY_NAME", '=')?.Trim('"') ?? RuntimeInformation.OSDescription;

    private static string? Field(string file, string name, char separator) => File.Exists(file)
        ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(separator, 2)[1].Trim()
        : null;

    private static string DuckDb()
    {
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        return connection.ServerVersion.TrimStart('v');
    }
}
