using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>
/// The process that imports broken files, by the command line's own entry: what a file does to the process is seen from outside. It prints
/// the number of each file before it is imported, and its own memory after a tenth and after all.
/// </summary>
internal static class ImportFuzzer
{
    public const string Command = "fuzz-import";

    // A real import opens a store of its own.
    private const int Stored = 40;

    // The parser of the command line links its options to every root that they were ever added to.
    private const int MostFiles = 1_000;

    public static FuzzRun Run { get; } = new("import", 1_000);

    /// <summary>The numbers of the first files of each process.</summary>
    public static IEnumerable<int> Parts => Enumerable.Range(0, Run.Count).Where(number => number % MostFiles == 0);

    public static Process Start(string folder, int first)
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "Tidemark.App.Tests"), [Command, folder, $"{first}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        return Process.Start(start)!;
    }

    public static async Task<int> RunAsync(string folder, int first)
    {
        var files = new ImportFiles(folder);
        var output = Console.Out;
        var count = Math.Min(MostFiles, Run.Count - first);
        for (var number = first; number < first + count; number++)
        {
            await output.WriteLineAsync(number.ToString(CultureInfo.InvariantCulture));
            var (name, options) = files.Write(FuzzRun.RandomOf(number));
            var store = Path.Combine(folder, "store");
            try
            {
                if (number % Stored == 0)
                {
                    Import(name, options, store);
                }
                else
                {
                    Check(CommandHost.Run(["import", name, "--dry-run", "--store", $"duckdb:{store}", .. options]));
                }
            }
            catch (Exception e)
            {
                var file = FuzzRun.Show(await File.ReadAllBytesAsync(name));
                await output.WriteLineAsync(Run.Failed(number, $"{e.Message}; import {name} {string.Join(' ', options)}: {file}").Message);
                return 1;
            }

            File.Delete(name);
            if (number == first + (count / 10) || number == first + count - 1)
            {
                GC.Collect();
                await output.WriteLineAsync($"resident {FuzzedServer.Resident(Environment.ProcessId)}");
            }
        }

        return 0;
    }

    /// <summary>What the import says it wrote is in the store; where it wrote nothing there is none.</summary>
    private static void Import(string name, IReadOnlyList<string> options, string store)
    {
        var result = CommandHost.Run(["import", name, "--json", "--rejects", "rejects.csv", "--store", $"duckdb:{store}", .. options]);
        Check(result);
        var written = result.ExitCode == 0 ? JsonNode.Parse(result.Output)!["written"]!.GetValue<long>() : 0;
        Assert.True(written > 0 == Directory.Exists(store), $"{written} written, and {(written > 0 ? "no" : "a")} store is there");
        if (written > 0)
        {
            var status = JsonNode.Parse(CommandHost.Run(["status", "--json", "--store", $"duckdb:{store}"]).Output)!;
            var rows = status["hypertables"]![0]!["rows"]!.GetValue<long>();
            Assert.True(rows == written, $"{written} written, {rows} stored");
            Directory.Delete(store, recursive: true);
        }
        File.Delete("rejects.csv");
    }

    private static void Check(CliResult result)
    {
        Assert.True(result.ExitCode is 0 or 1 or 2, $"exit code {result.ExitCode}");
        Assert.DoesNotContain("unexpected ", result.Error, StringComparison.Ordinal);
        // A slow machine tells besides how far it is.
        var lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(lines.Count(line => !line.StartsWith("import in", StringComparison.Ordinal)), 0, 1);
    }
}
