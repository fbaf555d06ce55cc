using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Tidemark.Server.Keys;
using Tidemark.Server.Remote;

namespace Tidemark.App.Tests.Http;

/// <summary>A server with API keys, each asked for its scope.</summary>
public sealed class KeyTests : IAsyncLifetime
{
    private const string Reading = """{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":21}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-keys-").FullName;
    private KeyFile _keys = null!;
    private string _read = null!;
    private string _write = null!;
    private string _admin = null!;
    private RunningServer _server = null!;

    private string KeyPath => Path.Combine(_folder, "keys.json");

    public async ValueTask InitializeAsync()
    {
        _keys = new KeyFile(KeyPath);
        _read = _keys.Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 1));
        _write = _keys.Add("gateway", [Scope.Write], Instant.Utc(2026, 11, 2));
        _admin = _keys.Add("operator", [Scope.Admin], Instant.Utc(2026, 11, 3));
        _server = await RunningServer.StartAsync(("server:keys", KeyPath));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_stream_ends_when_its_key_is_revoked()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync("GET", "/api/live", null)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await SendAsync("GET", "/api/live", _write)).StatusCode);
        await using var dashboard = await LiveClient.OpenAsync(_server.Client, key: _read);
        await using var other = await LiveClient.OpenAsync(_server.Client, key: _admin);
        _keys.Revoke("dashboard");
        Assert.Null(await dashboard.NextAsync());
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("POST", "/api/readings", _write)).StatusCode);
        Assert.Equal(["a 10:00 21"], await other.ReadingsAsync(1));
    }

    [Theory]
    [InlineData("GET", "/api/sensors", Scope.Read),
        InlineData("GET", "/api/sensors/a/current", Scope.Read),
        InlineData("GET", "/api/sensors/a/raw", Scope.Read)]
    [InlineData("GET", "/api/sensors/a/hourly", Scope.Read),
        InlineData("GET", "/api/fleet/hourly", Scope.Read),
        InlineData("GET", "/api/status", Scope.Read)]
    [InlineData("GET", "/api/stats/performance", Scope.Read), InlineData("POST", "/api/readings", Scope.Write)]
    [InlineData("GET", "/api/admin/configuration", Scope.Admin),
        InlineData("POST", "/api/admin/retain", Scope.Admin),
        InlineData("POST", "/api/admin/initialize", Scope.Admin)]
    public async Task Each_endpoint_needs_its_scope_and_admin_opens_all(string method, string path, string scope)
    {
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("POST", "/api/readings", _admin)).StatusCode);
        using var without = await SendAsync(method, path, null);
        Assert.Equal("Bearer", without.Headers.WwwAuthenticate.ToString());
        Assert.Equal(
            "this server asks for a key: send Authorization: Bearer KEY; tidemark key add makes one",
            (await RunningServer.ProblemAsync(HttpStatusCode.Unauthorized, without))["error"]!.GetValue<string>());
        foreach (var (key, name, granted) in ((string, string, string)[])[(_read, "dashboard", Scope.Read), (_write, "gateway", Scope
            .Write)])
        {
            using var answer = await SendAsync(method, path, key);
            if (granted == scope)
            {
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }
            else
            {
                Assert.Equal(
                    $"the key '{name}' is for {granted} only, which does not allow {method} {path}",
                    (await RunningServer.ProblemAsync(HttpStatusCode.Forbidden, answer))["error"]!.GetValue<string>());
            }
        }

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(method, path, _admin)).StatusCode);
    }

    [Theory]
    [InlineData("/api/health/live"), InlineData("/api/health/ready")]
    [InlineData("/"), InlineData("/api/health"), InlineData("/docs"), InlineData("/openapi/v1.json")]
    public async Task What_tells_nothing_of_the_readings_needs_no_key(string path)
        => Assert.Equal(HttpStatusCode.OK, (await SendAsync("GET", path, null)).StatusCode);

    [Fact]
    public async Task A_monitor_may_ask_for_the_head_of_health_alone()
        => Assert.Equal(HttpStatusCode.OK, (await SendAsync("HEAD", "/api/health", null)).StatusCode);

    [Fact]
    public async Task Even_what_is_not_there_needs_a_key()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync("GET", "/api/nothing", null)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync("GET", "/api/nothing", _read)).StatusCode);
    }

    [Fact]
    public async Task A_revoked_key_opens_nothing_from_the_next_request_on_and_the_last_one_leaves_the_server_closed()
    {
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("GET", "/api/sensors", _read)).StatusCode);
        _keys.Revoke("dashboard");
        using var answer = await SendAsync("GET", "/api/sensors", _read);
        Assert.Equal(
            "the key is not valid: it was mistyped or revoked",
            (await RunningServer.ProblemAsync(HttpStatusCode.Unauthorized, answer))["error"]!.GetValue<string>());
        var again = _keys.Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 4));
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("GET", "/api/sensors", again)).StatusCode);
        foreach (var key in _keys.Keys)
        {
            _keys.Revoke(key.Id);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync("GET", "/api/sensors", again)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync("GET", "/api/sensors", null)).StatusCode);
    }

    [Fact]
    public async Task A_key_with_any_part_changed_is_refused()
    {
        string[] wrong =
        [
            "", "x", "tmk_", _read[..^1], _read + "x", _read[..^1] + (_read[^1] == 'A'
                ? 'B'
                : 'A'), _read.ToUpperInvariant(), string.Concat(_write.AsSpan(0, 12), _read.AsSpan(12)),
            JsonDocument.Parse(await File.ReadAllTextAsync(KeyPath)).RootElement[0].GetProperty("hash").GetString()!,
        ];
        foreach (var key in wrong)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync("GET", "/api/sensors", key)).StatusCode);
        }
    }

    [Fact]
    public async Task A_load_of_wrong_keys_is_slowed_down_and_right_ones_are_not()
    {
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 50; i++)
        {
            using var answer = await SendAsync("GET", "/api/sensors", $"tmk_00000000_{i}");
            statuses.Add(answer.StatusCode);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized || answer.Headers.RetryAfter?.ToString() == "60");
        }

        Assert.InRange(statuses.Count(s => s == HttpStatusCode.Unauthorized), 20, 40);
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("GET", "/api/sensors", _read)).StatusCode);
    }

    /// <summary>
    /// What a client writes there itself counts for nothing: neither where nobody is trusted nor where others are, nor before what the
    /// proxy adds.
    /// </summary>
    [Theory]
    [InlineData("", "203.0.113.{0}"),
        InlineData("10.77.1.0/28", "203.0.113.{0}"),
        InlineData("127.0.0.0/8", "203.0.113.{0}, 127.0.0.9"),
        InlineData("127.0.0.0/8", "2001:db8:0:1::{0}")]
    public async Task A_client_gains_nothing_by_naming_other_addresses(string trusted, string forwarded)
    {
        await using var server = await RunningServer.StartAsync(("server:keys", KeyPath), ("server:trusted_proxies", trusted));
        var statuses = new List<HttpStatusCode>();
        for (var i = 1; i <= 50; i++)
        {
            statuses.Add(await TryAsync(server, string.Format(CultureInfo.InvariantCulture, forwarded, i)));
        }

        Assert.InRange(statuses.Count(s => s == HttpStatusCode.Unauthorized), 20, 40);
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
    }

    [Theory]
    [InlineData("203.0.113.7", "203.0.113.8"),
        InlineData("2001:db8:0:1::7", "2001:db8:0:2::7"),
        InlineData("203.0.113.7:4711", "203.0.113.8:4711")]
    public async Task Behind_a_trusted_proxy_wrong_keys_are_counted_for_each_client(string one, string other)
    {
        await using var server = await RunningServer.StartAsync(
            ("server:keys", KeyPath),
            ("server:trusted_proxies", "10.77.1.0/28; 127.0.0.1/32"));
        for (var i = 0; i < 50; i++)
        {
            await TryAsync(server, one);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, await TryAsync(server, one));
        Assert.Equal(HttpStatusCode.Unauthorized, await TryAsync(server, other));
    }

    [Fact]
    public async Task The_store_over_HTTP_needs_an_admin_key()
    {
        var refused = await Assert.ThrowsAsync<StoreException>(
            () => HttpTelemetryStore.ConnectAsync(_server.Address, _read, CancellationToken.None));
        Assert.Equal("the key 'dashboard' is for read only, which does not allow GET /api/admin/configuration", refused.Message);
        await using var store = await HttpTelemetryStore.ConnectAsync(_server.Address, _admin, CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Keys_that_can_not_be_read_close_the_server()
    {
        await File.WriteAllTextAsync(KeyPath, "nonsense");
        using var answer = await SendAsync("GET", "/api/sensors", _read);
        Assert.StartsWith(
            $"the keys in {KeyPath} can't be read: ",
            (await RunningServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, answer))["error"]!.GetValue<string>(),
            StringComparison.Ordinal);
        await Assert.ThrowsAsync<KeyException>(() => RunningServer.StartAsync(("server:keys", KeyPath)));
    }

    private static async Task<HttpStatusCode> TryAsync(RunningServer server, string forwardedFor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/sensors");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "tmk_00000000_x");
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var answer = await server.Client.SendAsync(request);
        return answer.StatusCode;
    }

    private Task<HttpResponseMessage> SendAsync(string method, string path, string? key)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method == "POST")
        {
            request.Content = new StringContent(path == "/api/readings" ? Reading : "{}", Encoding.UTF8, "application/json");
        }

        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        return _server.Client.SendAsync(request);
    }
}
