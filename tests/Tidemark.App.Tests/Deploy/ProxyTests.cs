using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Http;
using Tidemark.Server.Keys;
using Tidemark.Server.Remote;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// A server behind the proxy of deploy/docker/caddy: a real Caddy with the real file, but for the names and ports of a container.
/// </summary>
public sealed class ProxyTests : IAsyncLifetime
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-proxy-");
    private readonly string _key;
    private RunningServer _server = null!;
    private CliProcess _proxy = null!;
    private Uri _address = null!;

    public ProxyTests() => _key = new KeyFile(KeyPath).Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 1));

    private string KeyPath => Path.Combine(_root.FullName, "keys.json");

    public async ValueTask InitializeAsync()
    {
        Tool.Require(Tool.Find("caddy") is not null, "caddy");
        _server = await RunningServer.StartAsync(("server:keys", KeyPath), ("server:trusted_proxies", "127.0.0.1/32"));
        var (port, health) = (FreePort(), FreePort());
        _address = new Uri($"http://127.0.0.1:{port}");
        var file = Path.Combine(_root.FullName, "Caddyfile");
        File.WriteAllText(file, Replace(
            Repository.Read("deploy/docker/caddy/Caddyfile"),
            ("\tadmin off\n", "\tadmin off\n\tdefault_bind 127.0.0.1\n"),
            ("api:5000", _server.Address.Authority),
            ("127.0.0.1:2020", $"127.0.0.1:{health}")));
        _proxy = Tool.Start(
            "caddy",
            ["run", "--adapter", "caddyfile", "--config", file],
            ("TIDEMARK_SITE", $"http://{_address.Authority}"),
            ("HOME", _root.FullName));
        using var client = new HttpClient();
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await client.GetAsync($"http://127.0.0.1:{health}");
                return;
            }
            catch (HttpRequestException) when (attempt < 300)
            {
                await Task.Delay(100);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _proxy?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _root.Delete(recursive: true);
    }

    [Fact]
    public async Task Wrong_keys_are_counted_for_each_client_whatever_it_says_of_itself()
    {
        using var one = ClientAt("127.0.0.2", "tmk_00000000_x");
        using var other = ClientAt("127.0.0.3", "tmk_00000000_x");
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 50; i++)
        {
            one.DefaultRequestHeaders.Remove("X-Forwarded-For");
            one.DefaultRequestHeaders.Add("X-Forwarded-For", $"203.0.113.{i}");
            statuses.Add((await one.GetAsync("/api/sensors")).StatusCode);
        }

        Assert.InRange(statuses.Count(s => s == HttpStatusCode.Unauthorized), 20, 40);
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
        Assert.Equal(HttpStatusCode.Unauthorized, (await other.GetAsync("/api/sensors")).StatusCode);
    }

    [Fact]
    public async Task A_key_opens_the_API_and_answers_say_to_stay_with_HTTPS()
    {
        using var client = ClientAt("127.0.0.1", _key);
        using var answer = await client.GetAsync("/api/sensors");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("max-age=31536000", Assert.Single(answer.Headers.GetValues("Strict-Transport-Security")));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task Without_the_API_the_answer_is_a_problem_and_the_log_says_why_and_holds_no_key()
    {
        using var client = ClientAt("127.0.0.2", _key);
        await client.GetAsync("/api/sensors?answered");
        await _server.AbortAsync();
        using var answer = await client.GetAsync("/api/sensors?unanswered");
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadGateway, answer);
        Assert.Equal("the proxy can't pass this on: Bad Gateway", problem["error"]!.GetValue<string>());
        Assert.False(answer.Headers.Contains("Server"));
        var log = (await _proxy.TerminateAsync()).Error;
        Assert.Matches(new Regex("connection refused.*\"remote_ip\":\"127.0.0.2\".*unanswered"), log);
        Assert.DoesNotContain("?answered", log, StringComparison.Ordinal);
        Assert.DoesNotContain("tmk_", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_over_HTTP_is_unavailable_meanwhile()
    {
        await _server.AbortAsync();
        var error = await Assert.ThrowsAsync<StoreException>(() => HttpTelemetryStore.ConnectAsync(_address, _key, CancellationToken.None));
        Assert.Equal((StoreErrorKind.Unavailable, "the proxy can't pass this on: Bad Gateway"), (error.Kind, error.Message));
    }

    /// <summary>Whoever asks from an address of its own, as clients of the Internet do.</summary>
    private HttpClient ClientAt(string address, string key)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
                await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        var client = new HttpClient(handler) { BaseAddress = _address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    private static string Replace(string text, params ReadOnlySpan<(string Old, string New)> replacements)
    {
        foreach (var (old, replacement) in replacements)
        {
            Assert.Contains(old, text, StringComparison.Ordinal);
            text = text.Replace(old, replacement, StringComparison.Ordinal);
        }

        return text;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
