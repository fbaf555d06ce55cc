using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Cli;

/// <summary>A running CLI process; disposing it ends it, by its id, if it has not ended.</summary>
public sealed partial class CliProcess : IDisposable
{
    // Long after anything slow: it only ends what hangs.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    public CliProcess(Process process)
    {
        _process = process;
        Id = process.Id;
        process.OutputDataReceived += (_, line) => Append(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(_error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
    }

    public int Id { get; }

    public async Task<CliResult> EndAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(limit.Token);
        return new CliResult(_process.ExitCode, Text(_output), Text(_error));
    }

    /// <summary>Ctrl+C.</summary>
    public async Task<CliResult> InterruptAsync() => await SignalAsync(2);

    /// <summary>What <c>kill</c>, systemd and Docker send.</summary>
    public async Task<CliResult> TerminateAsync() => await SignalAsync(15);

    /// <summary>What the kernel does when memory runs out.</summary>
    public async Task<CliResult> KillAsync() => await SignalAsync(9);

    /// <summary>The address a server says it listens on.</summary>
    public async Task<string> UrlAsync() => (await WaitForAsync(Listening())).Groups[1].Value;

    /// <summary>Waits until either output holds the pattern.</summary>
    public async Task<Match> WaitForAsync(Regex pattern)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var text = Text(_output) + Text(_error);
            if (pattern.Match(text) is { Success: true } match)
            {
                return match;
            }

            Assert.False(_process.HasExited || watch.Elapsed > Patience, $"'{pattern}' did not come: {text}");
            await Task.Delay(20);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task<CliResult> SignalAsync(int signal)
    {
        Assert.Equal(0, Kill(Id, signal));
        return await EndAsync();
    }

    private static void Append(StringBuilder builder, string? line)
    {
        lock (builder)
        {
            _ = line is null ? builder : builder.Append(line).Append('\n');
        }
    }

    private static string Text(StringBuilder builder)
    {
        lock (builder)
        {
            return builder.ToString();
        }
    }

    [GeneratedRegex(@"listening on (http://[^\s,;]+)")]
    private static partial Regex Listening();

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int pid, int signal);
}
