using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Tidemark.Benchmarks;

/// <summary>The published <c>tidemark</c>, as the image has it, as a process of its own, ended by its id when disposed.</summary>
internal sealed partial class TidemarkProcess : IAsyncDisposable
{
    private readonly Process _process;

    private TidemarkProcess(string? store, string[] arguments, IReadOnlyDictionary<string, string>? environment)
    {
        if (!File.Exists(Program))
        {
            throw new InvalidOperationException($"there is no program {Program}: build with -c Release");
        }

        var isLibrary = Program.EndsWith(".dll", StringComparison.Ordinal);
        string[] on = store is null ? [] : ["--store", store];
        string[] all = isLibrary ? [Program, .. arguments, .. on] : [.. arguments, .. on];
        var start = new ProcessStartInfo(isLibrary ? "dotnet" : Program, all)
        {
            // No tidemark.json of the caller's folder is read.
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("TIDEMARK_", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
    }

    /// <summary>A library for <c>dotnet</c>, or a program that brings its own runtime.</summary>
    public static string Program { get; set; } = Path.Combine(AppContext.BaseDirectory, "published", "tidemark.dll");

    /// <summary>Where a server listens.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1");

    /// <summary>Where it is a broker of MQTT; null when it is none.</summary>
    public Uri? Mqtt { get; private set; }

    /// <summary>Resident memory in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>The most that was resident since the start, in bytes.</summary>
    public long PeakMemory
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>What it has used of the processors.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Runs a command on a store, named by its URI, to its end; null for one that takes none.</summary>
    /// <returns>What it printed.</returns>
    public static async Task<string> RunAsync(
        string? store,
        string[] arguments,
        IReadOnlyDictionary<string, string>? environment,
        CancellationToken cancellationToken)
    {
        await using var process = new TidemarkProcess(store, arguments, environment);
        var errors = process._process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process._process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process._process.WaitForExitAsync(cancellationToken);
        if (process._process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"tidemark {string.Join(' ', arguments)} ended with {process._process.ExitCode}: {await errors}");
        }

        return output;
    }

    /// <summary>Starts a server on a free port of the loopback and waits until it listens.</summary>
    public static async Task<TidemarkProcess> ServeAsync(
        string store,
        IReadOnlyDictionary<string, string>? environment,
        CancellationToken cancellationToken,
        string verb = "serve")
    {
        var server = new TidemarkProcess(store, [verb, "--urls", "http://127.0.0.1:0"], environment);
        try
        {
            var errors = server._process.StandardError.ReadToEndAsync(cancellationToken);
            while (await server._process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
            {
                if (Listening().Match(line) is { Success: true } match)
                {
                    server.Url = new Uri(match.Groups[1].Value);
                    server.Mqtt = match.Groups[2] is { Success: true } mqtt ? new Uri(mqtt.Value) : null;
                    _ = server._process.StandardOutput.ReadToEndAsync(CancellationToken.None);
                    return server;
                }
            }

            throw new InvalidOperationException($"tidemark serve ended before it listened: {await errors}");
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await TerminateAsync();
        }

        _process.Dispose();
    }

    /// <summary>Asks with SIGTERM, so that the store is closed in order; insists after a while.</summary>
    private async Task TerminateAsync()
    {
        if (!OperatingSystem.IsWindows())
        {
            using var terminate = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            await terminate.WaitForExitAsync(CancellationToken.None);
            try
            {
                await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
                return;
            }
            catch (TimeoutException)
            {
                Report.Note($"process {_process.Id} does not end: killed");
            }
        }

        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    [GeneratedRegex(@"listening on (https?://[^\s,;]+)(?:, (mqtt://[^\s,;]+))?")]
    private static partial Regex Listening();
}
