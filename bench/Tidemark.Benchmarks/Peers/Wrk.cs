using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Tidemark.Benchmarks.Peers;

/// <summary>Debian's <c>wrk</c>: eight connections that ask without a pause.</summary>
internal static partial class Wrk
{
    private const int Seconds = 5;

    public static string? Find() => Machine.FindProgram("wrk");

    /// <returns>Requests a second over the paths in turns, after a short run that warms up.</returns>
    /// <exception cref="InvalidOperationException">Something else than 200 came.</exception>
    public static async Task<double> MeasureAsync(
        string program, Uri url, IReadOnlyList<string> paths, CancellationToken cancellationToken)
    {
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(
                script,
                $$"""
                local paths = { {{string.Join(", ", paths.Select(path => $"[==[{path}]==]"))}} }
                local next = 0
                request = function()
                  next = next % #paths + 1
                  return wrk.format("GET", paths[next])
                end
                """,
                cancellationToken);
            await RunAsync(program, url, script, 1, cancellationToken);
            return await RunAsync(program, url, script, Seconds, cancellationToken);
        }
        finally
        {
            File.Delete(script);
        }
    }

    private static async Task<double> RunAsync(
        string program, Uri url, string script, int seconds, CancellationToken cancellationToken)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, ["-t", "1", "-c", "8", "-d", $"{seconds}s", "-s", script, url.ToString()])
            {
                RedirectStandardOutput = true,
            })!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (Failed().IsMatch(output) || Rate().Match(output) is not { Success: true } rate)
        {
            throw new InvalidOperationException($"wrk on {url}: {output.ReplaceLineEndings(" ")}");
        }

        return double.Parse(rate.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"Requests/sec:\s+([0-9.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex("Non-2xx|Socket errors")]
    private static partial Regex Failed();
}
