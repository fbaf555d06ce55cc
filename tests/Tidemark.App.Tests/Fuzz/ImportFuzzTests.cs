using System.Globalization;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>Broken files: an import ends in order, with one line where something is wrong, and stores what it says.</summary>
public sealed class ImportFuzzTests
{
    [Fact]
    public async Task Files()
    {
        foreach (var first in ImportFuzzer.Parts)
        {
            await RunAsync(first);
        }
    }

    private static async Task RunAsync(int first)
    {
        var folder = Directory.CreateTempSubdirectory("tidemark-fuzz-").FullName;
        using var process = ImportFuzzer.Start(folder, first);
        try
        {
            var error = process.StandardError.ReadToEndAsync();
            var (last, resident) = ("", new List<long>());
            while (await process.StandardOutput.ReadLineAsync().WaitAsync(FuzzedServer.Patience) is { } line)
            {
                last = line;
                if (line.StartsWith("resident ", StringComparison.Ordinal))
                {
                    resident.Add(long.Parse(line.AsSpan("resident ".Length), CultureInfo.InvariantCulture));
                }
            }

            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 0, $"ended with {process.ExitCode} at {last}: {await error}");
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"resident: {resident[0] >> 20} MiB after a tenth, {resident[1] >> 20} MiB after all");
            Assert.InRange(resident[1], 1, (resident[0] * 3 / 2) + (64 << 20));
        }
        catch (TimeoutException)
        {
            Assert.Fail("a file takes longer than a minute");
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }
}
