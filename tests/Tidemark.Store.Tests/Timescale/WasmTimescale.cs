using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// PostgreSQL with TimescaleDB, compiled to WebAssembly, in a process of its own that ends with this one. Several clients
/// may be connected; one at a time has a transaction. No background jobs run, and what runs can't be cancelled.
/// </summary>
internal sealed class WasmTimescale : IAsyncDisposable
{
    /// <summary>The only database there is.</summary>
    public const string Database = "template1";

    // Long after anything slow: it only ends what hangs.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "timescale");

    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    private WasmTimescale(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    /// <summary>Why it can't be started here, null if it can.</summary>
    public static string? Unavailable { get; } =
        !File.Exists(Path.Combine(Folder, "seed.tar"))
            ? "the TimescaleDB of the tests is not installed: install Node.js 18 or later with npm and build again"
            : !IsNodeThere() ? "TimescaleDB runs in Node.js here and 'node' was not found: install Node.js 18 or later"
        : null;

    public int Port { get; private set; }

    public int ProcessId => _process.Id;

    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=postgres;Database={Database};SSL Mode=Disable;No Reset On "
        + "Close=true;Maximum Pool Size=8;Timeout=60;Command Timeout=120";

    /// <param name="folder">Where the database is kept; none for one in memory. Acknowledged commits survive a kill of the process, not of
    /// the machine.</param>
    /// <param name="port">Zero for a free one.</param>
    public static async Task<WasmTimescale> StartAsync(string? folder = null, int port = 0)
    {
        string[] arguments = [Path.Combine(Folder, "server.mjs"), port.ToString(CultureInfo.InvariantCulture), .. folder is null
            ? Array.Empty<string>()
            : [folder]];
        var server = new WasmTimescale(Process.Start(new ProcessStartInfo("node", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!);
        try
        {
            var line = await server.ReadLineAsync();
            server.Port = int.Parse(line.AsSpan("listening ".Length), CultureInfo.InvariantCulture);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Parts with all clients and goes back to the empty database in memory, in a fraction of the time of a start.</summary>
    /// <returns>False if that can't be: the database is in a folder, or has ended.</returns>
    public async Task<bool> ResetAsync()
    {
        if (_process.HasExited)
        {
            return false;
        }

        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
        return bool.Parse(await ReadLineAsync());
    }

    /// <summary>Ends the process at once, as a crash does.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private async Task<string> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        if (await _process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            return line;
        }

        await _process.WaitForExitAsync(limit.Token);
        lock (_errors)
        {
            throw new InvalidOperationException($"TimescaleDB has ended with exit code {_process.ExitCode}: {_errors}");
        }
    }

    private static bool IsNodeThere()
    {
        try
        {
            using var node = Process.Start(new ProcessStartInfo("node", ["--version"]) { RedirectStandardOutput = true })!;
            node.WaitForExit();
            return node.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
