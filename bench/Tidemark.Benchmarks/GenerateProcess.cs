namespace Tidemark.Benchmarks;

/// <summary><c>tidemark generate</c> from start to end of its process, into a new store each time.</summary>
internal static class GenerateProcess
{
    private const int Runs = 5;

    public static async Task<Figure> MeasureAsync(string folder, CancellationToken cancellationToken)
    {
        Report.Note("generate: a process that writes 30 days of 10 sensors");
        var samples = await Samples.MeasureAsync(
            warmUp: 0,
            Runs,
            async run =>
            {
                var store = Path.Combine(folder, $"generate-{run}");
                await TidemarkProcess.RunAsync(
                    $"duckdb:{store}",
                    ["generate", "--days", "30", "--sensors", "10", "--interval", "60"],
                    null,
                    cancellationToken);
                Directory.Delete(store, recursive: true);
            },
            cancellationToken);
        return Figure.Below(
            "`generate` of 432,010 readings, whole process", samples.Median
                / 1000, 2, "s", $"median of {Runs}, slowest {Figure.Text(samples.Max / 1000, "s")}");
    }
}
