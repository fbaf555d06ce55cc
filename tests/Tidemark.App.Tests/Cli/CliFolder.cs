using System.Diagnostics;

namespace Tidemark.App.Tests.Cli;

public sealed record CliResult(int ExitCode, string Output, string Error);

/// <summary>A temporary folder in which the CLI runs; its store is <c>data</c> inside.</summary>
public sealed class CliFolder : IDisposable
{
    public const string StoreVariable = "TIDEMARK_STORE";

    private readonly List<CliProcess> _processes = [];

    public CliFolder(string? root = null)
    {
        Path = root ?? Directory.CreateTempSubdirectory("tidemark-cli-").FullName;
        Data = System.IO.Path.Combine(Path, "data");
    }

    public string Path { get; }

    public string Data { get; }

    private string Store => $"duckdb:{Data}";

    /// <summary>Runs one command to its end in this folder, with its store.</summary>
    public async Task<CliResult> RunAsync(params string[] arguments)
        => CommandHost.Runs(arguments) ? await CommandHost.RunAsync(Path, Store, arguments) : await Start(arguments).EndAsync();

    /// <summary>The same, and it has to succeed.</summary>
    public async Task<string> SucceedAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output;
    }

    /// <summary>Starts a process of its own.</summary>
    public CliProcess Start(params string[] arguments) => Start([], arguments);

    public CliProcess Start(IEnumerable<(string Name, string Value)> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(System.IO.Path.Combine(AppContext.BaseDirectory, "tidemark.dll"));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        Isolate(start);
        // Processes that soon end have nothing of what is compiled again for those that last.
        start.Environment["DOTNET_TC_CallCountingDelayMs"] = "64";
        start.Environment[StoreVariable] = Store;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = new CliProcess(Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start"));
        _processes.Add(process);
        return process;
    }

    /// <summary>Starts a server on a free port and waits until it listens.</summary>
    public async Task<CliProcess> ServeAsync(params string[] arguments)
    {
        var server = Start(["serve", "--urls", "http://127.0.0.1:0", .. arguments]);
        await server.UrlAsync();
        return server;
    }

    /// <summary>Takes the settings away that the tests themselves run with.</summary>
    public static void Isolate(ProcessStartInfo start)
    {
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("TIDEMARK_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }
    }

    public void Write(string name, string text) => File.WriteAllText(System.IO.Path.Combine(Path, name), text);

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Dispose();
        }

        Directory.Delete(Path, recursive: true);
    }
}
