using System.Net;
using System.Net.Http.Json;
using System.Text;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Http;

/// <summary>What a cookie of the page opens, and for how long.</summary>
public sealed class SessionTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-session-").FullName;
    private KeyFile _keys = null!;
    private string _read = null!;
    private string _admin = null!;
    private RunningServer _server = null!;

    // It sends the cookies that a test says, and keeps none.
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false });

    private string KeyPath => Path.Combine(_folder, "keys.json");

    public async ValueTask InitializeAsync()
    {
        _keys = new KeyFile(KeyPath);
        _read = _keys.Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 1));
        _admin = _keys.Add("operator", [Scope.Admin], Instant.Utc(2026, 11, 3));
        _server = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_key_begins_a_session_whose_cookie_no_script_reads_and_no_other_site_sends()
    {
        var cookie = await BeginAsync(_read);
        Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; path=/", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; expires=Tue, 22 Dec 2026 10:30:00 GMT", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("; secure", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(_read[4..], cookie, StringComparison.Ordinal);
        using var answer = await SendAsync(HttpMethod.Get, "/api/sensors", cookie);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var session = await SendAsync(HttpMethod.Get, "/api/session", cookie);
        Assert.Equal("""{"guarded":true,"name":"dashboard"}""", await session.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Behind_a_proxy_that_speaks_TLS_the_cookie_goes_over_TLS_alone()
    {
        await using var server = await StartAsync(("server:trusted_proxies", "127.0.0.0/8"));
        using var request = Begin(_read);
        request.Headers.Add("X-Forwarded-For", "203.0.113.7");
        request.Headers.Add("X-Forwarded-Proto", "https");
        using var answer = await server.Client.SendAsync(request);
        Assert.Contains("; secure", answer.Headers.GetValues("Set-Cookie").Single(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_session_reads_and_nothing_else_whatever_its_key_may_do()
    {
        var cookie = await BeginAsync(_admin);
        using var read = await SendAsync(HttpMethod.Get, "/api/status", cookie);
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        foreach (var (method, path) in ((HttpMethod, string)[])[
            (HttpMethod.Post, "/api/readings"), (HttpMethod.Post, "/write"), (HttpMethod.Get, "/api/admin/configuration"),
            (HttpMethod.Post, "/api/admin/retain")])
        {
            using var answer = await SendAsync(method, path, cookie);
            Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, $"{path}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task A_session_ends_when_its_key_is_revoked_its_time_is_up_or_it_is_ended()
    {
        var cookie = await BeginAsync(_read);
        _keys.Revoke("dashboard");
        _keys.Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 4));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(cookie));

        cookie = await BeginAsync(_admin);
        _server.Clock.Advance(TimeSpan.FromDays(30) - TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(cookie));
        _server.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(cookie));

        using var ended = await SendAsync(HttpMethod.Delete, "/api/session", await BeginAsync(_admin));
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        var taken = ended.Headers.GetValues("Set-Cookie").Single();
        Assert.StartsWith("tidemark_session=; expires=Thu, 01 Jan 1970", taken, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_comes_now_and_then_stays_signed_in()
    {
        var cookie = await BeginAsync(_read);
        _server.Clock.Advance(TimeSpan.FromDays(20));
        using var answer = await SendAsync(HttpMethod.Get, "/api/sensors", cookie);
        var renewed = answer.Headers.GetValues("Set-Cookie").Single();
        _server.Clock.Advance(TimeSpan.FromDays(20));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(renewed));
    }

    [Fact]
    public async Task Sessions_outlive_the_server_and_what_they_are_made_with_only_their_owner_reads()
    {
        var cookie = await BeginAsync(_read);
        await _server.DisposeAsync();
        _server = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(cookie));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(KeyPath + ".sessions"));
        }
    }

    [Fact]
    public async Task A_server_without_keys_or_without_sessions_writes_nothing_beside_them()
    {
        Assert.False(Directory.Exists(KeyPath + ".sessions"));
        using var open = await SendAsync(HttpMethod.Get, "/api/sensors", "tidemark_session=nonsense");
        Assert.Equal(HttpStatusCode.Unauthorized, open.StatusCode);
        await using var server = await RunningServer.StartAsync(("server:keys", Path.Combine(_folder, "none.json")));
        Assert.Equal("""{"guarded":false,"name":null}""", (await server.GetAsync("/api/session")).ToJsonString());
        Assert.False(Directory.Exists(Path.Combine(_folder, "none.json.sessions")));
    }

    [Fact]
    public async Task Where_nothing_can_be_written_sessions_work_until_the_server_ends()
    {
        // A file of that name stands in the way of the folder, for root too.
        await File.WriteAllTextAsync(KeyPath + ".sessions", "");
        var cookie = await BeginAsync(_read);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(cookie));
        await _server.DisposeAsync();
        _server = await StartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(cookie));
    }

    [Fact]
    public async Task Keys_that_do_not_read_begin_no_session()
    {
        var write = _keys.Add("gateway", [Scope.Write], Instant.Utc(2026, 11, 2));
        using var gateway = Begin(write);
        Assert.Equal(
            "the key 'gateway' is for write only: the page needs one with the scope read",
            await _server.RefusedAsync(HttpStatusCode.Forbidden, gateway));
        for (var i = 0; i < 40; i++)
        {
            using var wrong = await _server.Client.SendAsync(Begin($"tmk_00000000_{i}"));
            Assert.False(wrong.Headers.Contains("Set-Cookie"));
        }

        using var tooMany = Begin("x");
        Assert.Equal(
            "too many wrong keys came from there: try again in a minute",
            await _server.RefusedAsync(HttpStatusCode.TooManyRequests, tooMany));
        await BeginAsync(_read);
    }

    [Theory]
    [InlineData("text/plain", """{"key":"x"}""", HttpStatusCode.Unauthorized)]
    [InlineData("application/json", "{}", HttpStatusCode.BadRequest), InlineData("application/json", "nonsense", HttpStatusCode.BadRequest)]
    public async Task Anything_else_begins_none(string type, string body, HttpStatusCode status)
    {
        using var answer = await _server.PostAsync(body, type, "/api/session");
        await RunningServer.ProblemAsync(status, answer);
    }

    private Task<RunningServer> StartAsync(params (string, string)[] settings)
        => RunningServer.StartAsync([("server:keys", KeyPath), .. settings]);

    private static HttpRequestMessage Begin(string key)
        => new(HttpMethod.Post, "/api/session") { Content = JsonContent.Create(new { key }) };

    private async Task<string> BeginAsync(string key)
    {
        using var request = Begin(key);
        request.RequestUri = new Uri(_server.Address, request.RequestUri!);
        using var answer = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return answer.Headers.GetValues("Set-Cookie").Single();
    }

    private async Task<HttpStatusCode> StatusAsync(string cookie)
    {
        using var answer = await SendAsync(HttpMethod.Get, "/api/sensors", cookie);
        return answer.StatusCode;
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string cookie)
    {
        var request = new HttpRequestMessage(method, new Uri(_server.Address, path));
        request.Headers.Add("Cookie", cookie.Split(';')[0]);
        request.Content = method == HttpMethod.Post ? new StringContent("{}", Encoding.UTF8, "application/json") : null;
        return _client.SendAsync(request);
    }
}
