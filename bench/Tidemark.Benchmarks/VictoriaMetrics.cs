using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Tidemark.Benchmarks;

/// <summary>Debian's <c>victoria-metrics</c> as a process of its own, ended by its id when disposed.</summary>
internal sealed class VictoriaMetrics : IAsyncDisposable
{
    private readonly Process _process;

    private VictoriaMetrics(Process process, Uri url) => (_process, Url) = (process, url);

    public Uri Url { get; }

    /// <returns>The program's path, or null when it is not on the search path.</returns>
    public static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "victoria-metrics"))
        .FirstOrDefault(File.Exists);

    public static async Task<VictoriaMetrics> StartAsync(string program, string data, CancellationToken cancellationToken)
    {
        var url = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo(program, [$"-storageDataPath={data}", $"-httpListenAddr={url.Authority}", "-retentionPeriod=2"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var server = new VictoriaMetrics(Process.Start(start)!, url);
        _ = server._process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        _ = server._process.StandardError.ReadToEndAsync(CancellationToken.None);
        using var http = new HttpLayer(url);
        while (!await http.AnswersAsync("/health", cancellationToken))
        {
            if (server._process.HasExited)
            {
                throw new InvalidOperationException($"victoria-metrics ended with {server._process.ExitCode} before it listened");
            }

            await Task.Delay(50, cancellationToken);
        }

        return server;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
