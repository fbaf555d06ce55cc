using System.Globalization;
using System.Runtime.InteropServices;
using DuckDB.NET.Data;

namespace Tidemark.Benchmarks;

/// <summary>Names the machine that the figures were measured on.</summary>
internal static class Machine
{
    public static string Describe()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Cpu()}, {Environment.ProcessorCount} cores, {memory:F0} GiB memory, {System()} ({RuntimeInformation.OSArchitecture}), .NET {Environment.Version}, DuckDB {DuckDb()}");
    }

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
