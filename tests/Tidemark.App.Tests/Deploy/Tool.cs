using System.Diagnostics;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>Runs other programs to their end.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>Skips the test when the program isn't there; where CI is true it fails instead.</summary>
    public static void Require(bool present, string program)
    {
        if (!present)
        {
            var reason = $"{program} is not on this machine";
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", reason);
            Assert.Skip(reason);
        }
    }

    /// <summary>The program's path, or null when it is not on the search path.</summary>
    public static string? Find(string program)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);

    /// <summary>Starts a program that runs until it is stopped.</summary>
    public static CliProcess Start(
        string program,
        IEnumerable<string> arguments,
        params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new CliProcess(Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start"));
    }

    public static Task<CliResult> RunAsync(string program, params string[] arguments) => RunAsync(program, arguments, null, null, []);

    /// <param name="program">A path, or a name on the search path.</param>
    /// <param name="arguments">As they are.</param>
    /// <param name="folder">Where it runs; here unless given.</param>
    /// <param name="input">Its standard input; none unless given.</param>
    /// <param name="environment">Variables besides this process's own; null removes one.</param>
    public static async Task<CliResult> RunAsync(
        string program, IEnumerable<string> arguments, string? folder, string? input, IEnumerable<(string Name, string? Value)> environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder ?? "",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        using var limit = new CancellationTokenSource(Patience);
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            return new CliResult(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
