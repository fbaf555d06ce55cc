namespace Tidemark.Benchmarks;

/// <summary>What a run measures.</summary>
/// <param name="Sensors">Sensors of the data set.</param>
/// <param name="Days">Days of readings, one a minute from each sensor, up to now.</param>
/// <param name="Only">The workloads to measure; all when empty.</param>
/// <param name="Folder">Where the data lies and stays; a temporary folder when null.</param>
/// <param name="Markdown">The file that gets the report; none when null.</param>
internal sealed record Plan(int Sensors, int Days, IReadOnlyList<string> Only, string? Folder, string? Markdown)
{
    public static readonly string[] Workloads =
        ["generate", "append", "write", "size", "fleet", "queries", "memory", "concurrent", "refresh", "proxy", "sparse"];

    /// <summary>Between two readings of a sensor.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    public bool Includes(params string[] workloads) => Only.Count == 0 || workloads.Any(Only.Contains);
}
