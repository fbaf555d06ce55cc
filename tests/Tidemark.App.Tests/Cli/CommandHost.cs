using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Pipes;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Tidemark.Cli.Import;

namespace Tidemark.App.Tests.Cli;

/// <summary>
/// A process that runs one command after another by the command line's own entry, each in its folder and with its outputs apart. A process
/// for each would spend nine tenths of its time on starting and compiling. What is about the process itself has one of its own.
/// </summary>
internal sealed class CommandHost : IDisposable
{
    // These write to the process' own output, or go on until they are told to end.
    private static readonly string[] Apart = ["demo", "export", "query", "serve"];

    private static readonly MethodInfo Entry = typeof(ImportInput).Assembly.EntryPoint!;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly ConcurrentBag<CommandHost> Idle = [];

    private readonly Process _process;
    private readonly StreamReader _answers;
    private readonly StreamWriter _calls;

    private CommandHost(Process process, Stream pipe)
    {
        _process = process;
        (_answers, _calls) = (new StreamReader(pipe), new StreamWriter(pipe) { AutoFlush = true });
    }

    private sealed record Call(string Folder, string Store, string[] Arguments);

    public static bool Runs(string[] arguments) => arguments.Length > 0 && !Apart.Contains(arguments[0]);

    public static async Task<CliResult> RunAsync(string folder, string store, string[] arguments)
    {
        var host = Idle.TryTake(out var idle) ? idle : await StartAsync();
        try
        {
            await host._calls.WriteLineAsync(JsonSerializer.Serialize(new Call(folder, store, arguments)));
            var answer = await host._answers.ReadLineAsync().WaitAsync(Patience)
                ?? throw new InvalidOperationException($"{string.Join(' ', arguments)} ended the process that ran it");
            Idle.Add(host);
            return JsonSerializer.Deserialize<CliResult>(answer)!;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>The host's side: ends when the process that started it has gone.</summary>
    public static async Task ServeAsync(string name)
    {
        await using var pipe = new NamedPipeClientStream(".", name, PipeDirection.InOut, PipeOptions.Asynchronous);
        await pipe.ConnectAsync();
        using var calls = new StreamReader(pipe);
        await using var answers = new StreamWriter(pipe) { AutoFlush = true };
        while (await calls.ReadLineAsync() is { } line)
        {
            var call = JsonSerializer.Deserialize<Call>(line)!;
            Environment.CurrentDirectory = call.Folder;
            Environment.SetEnvironmentVariable(CliFolder.StoreVariable, call.Store);
            await answers.WriteLineAsync(JsonSerializer.Serialize(Run(call.Arguments)));
        }
    }

    /// <summary>Runs a command in this process, by the command line's own entry.</summary>
    public static CliResult Run(string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var newOutput = new MemoryStream();
        using var newError = new MemoryStream();
        Console.SetOut(Writer(newOutput));
        Console.SetError(Writer(newError));
        try
        {
            var exitCode = (int)Entry.Invoke(null, [arguments])!;
            return new CliResult(exitCode, Encoding.UTF8.GetString(newOutput.ToArray()), Encoding.UTF8.GetString(newError.ToArray()));
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    public void Dispose()
    {
        _answers.Dispose();
        _process.Kill();
        _process.Dispose();
    }

    private static async Task<CommandHost> StartAsync()
    {
        var name = $"tidemark-{Guid.NewGuid():N}";
        var pipe = new NamedPipeServerStream(name, PipeDirection.InOut, 1, PipeTransmissionMode.Byte, PipeOptions.Asynchronous);
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "tidemark.dll"), name])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        CliFolder.Isolate(start);
        // Its messages name the program that runs, which is the command line's with this assembly's hook before its start.
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await pipe.WaitForConnectionAsync().WaitAsync(Patience);
        return new CommandHost(process, pipe);
    }

    private static StreamWriter Writer(Stream stream) => new(stream, new UTF8Encoding(false)) { AutoFlush = true };
}
