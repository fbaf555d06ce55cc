using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Tidemark.Benchmarks.Timescale;

/// <summary>
/// The proxy of the production setup in deploy/docker before a server of this machine, with TLS of its own making, as a process that is
/// ended by its id when disposed.
/// </summary>
internal sealed partial class CaddyProcess : IAsyncDisposable
{
    private readonly Process _process;

    private CaddyProcess(Process process, Uri url) => (_process, Url) = (process, url);

    public Uri Url { get; }

    /// <summary>What it has used of the processors.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <param name="server">Where the API listens.</param>
    /// <param name="folder">For its certificates and its configuration, which is the repository's but for names and ports of a
    /// container.</param>
    /// <param name="cancellationToken">Gives up waiting for the first answer.</param>
    public static async Task<CaddyProcess> StartAsync(Uri server, string folder, CancellationToken cancellationToken)
    {
        var (port, health) = (FreePort(), FreePort());
        var file = Path.Combine(folder, "Caddyfile");
        await File.WriteAllTextAsync(
            file,
            (await File.ReadAllTextAsync(Path.Combine(Repository(), "deploy/docker/caddy/Caddyfile"), cancellationToken))
                .Replace(
                    "\tadmin off\n",
                    "\tadmin off\n\tdefault_bind 127.0.0.1\n\tskip_install_trust\n\tauto_https disable_redirects\n",
                    StringComparison.Ordinal)
                .Replace("api:5000", server.Authority, StringComparison.Ordinal)
                .Replace("127.0.0.1:2020", $"127.0.0.1:{health}", StringComparison.Ordinal),
            cancellationToken);
        var start = new ProcessStartInfo(Program(), ["run", "--adapter", "caddyfile", "--config", file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        start.Environment["TIDEMARK_SITE"] = $"https://localhost:{port}";
        foreach (Match setting in GoSetting().Matches(
            await File.ReadAllTextAsync(Path.Combine(Repository(), "deploy/docker/compose.production.yaml"), cancellationToken)))
        {
            start.Environment[setting.Groups[1].Value] = setting.Groups[2].Value;
        }

        foreach (var name in (string[])["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"])
        {
            start.Environment[name] = folder;
        }

        var caddy = new CaddyProcess(Process.Start(start)!, new Uri($"https://localhost:{port}"));
        try
        {
            // As Docker does: somebody reads its log, line by line.
            _ = caddy._process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            var errors = caddy._process.StandardError.ReadToEndAsync(CancellationToken.None);
            using var http = new HttpLayer(caddy.Url);
            while (!await http.AnswersAsync("/api/health", cancellationToken))
            {
                if (caddy._process.HasExited)
                {
                    throw new InvalidOperationException($"caddy ended: {await errors}");
                }

                await Task.Delay(100, cancellationToken);
            }

            return caddy;
        }
        catch
        {
            await caddy.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    /// <summary>What the production setup tells the runtime of the proxy.</summary>
    [GeneratedRegex("""^ +(GO[A-Z]+): "?(\w+)"?$""", RegexOptions.Multiline)]
    private static partial Regex GoSetting();

    private static string Program()
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append(Path.Combine(Repository(), ".tools/bin"))
            .Select(folder => Path.Combine(folder, "caddy"))
            .FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("there is no caddy on the path: .ci/tools brings it");

    private static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Tidemark.slnx")))
        {
            folder = Path.GetDirectoryName(folder)
                ?? throw new InvalidOperationException("the proxy's configuration is in the clone, and this runs outside of one");
        }

        return folder;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
