using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Tidemark.Benchmarks;

/// <summary>Debian's <c>victoria-metrics</c> as a process of its own, ended by its id when disposed.</summary>
internal sealed class VictoriaMetrics : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _data;

    private VictoriaMetrics(Process process, string data, Uri url) => (_process, _data, Url) = (process, data, url);

    public Uri Url { get; }

    /// <summary>Resident memory in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Of its files.</summary>
    public long Bytes => DataSet.Bytes(_data);

    /// <returns>The program's path, or null when it is not on the search path.</returns>
    public static string? Find() => Machine.FindProgram("victoria-metrics");

    public static async Task<VictoriaMetrics> StartAsync(string program, string data, CancellationToken cancellationToken)
    {
        var url = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo(program, [$"-storageDataPath={data}", $"-httpListenAddr={url.Authority}", "-retentionPeriod=2"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var server = new VictoriaMetrics(Process.Start(start)!, data, url);
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

    /// <summary>Makes what was written readable, and merges its files as it would do in time.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = Url };
        await client.GetByteArrayAsync("/internal/force_flush", cancellationToken);
        await client.GetByteArrayAsync("/internal/force_merge", cancellationToken);
        await Task.Delay(TimeSpan.FromSeconds(5), cancellationToken);
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
