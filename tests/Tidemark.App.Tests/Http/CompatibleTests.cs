using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Http;

/// <summary>What clients of InfluxDB ask and send beside lines.</summary>
public sealed class CompatibleTests : IAsyncLifetime
{
    private const string Line = "m,sensor_id=a f=1";

    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-lines-").FullName;
    private RunningServer _server = null!;
    private string _write = null!;
    private string _read = null!;

    public async ValueTask InitializeAsync()
    {
        var keys = new KeyFile(Path.Combine(_folder, "keys.json"));
        _write = keys.Add("gateway", [Scope.Write], Instant.Utc(2026, 11, 1));
        _read = keys.Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 1));
        _server = await RunningServer.StartAsync(("server:keys", Path.Combine(_folder, "keys.json")));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("/write"), InlineData("/api/v2/write"), InlineData("/api/v3/write_lp")]
    public async Task A_key_may_come_in_each_way_that_clients_have(string path)
    {
        (string Query, string? Header)[] ways =
        [
            ("", $"Bearer {_write}"), ("", $"Token {_write}"), ("", $"token anybody:{_write}"),
            ("", $"Basic {Base64($"anybody:{_write}")}"),
            ($"?u=anybody&p={_write}", null),
        ];
        foreach (var (query, header) in ways)
        {
            using var answer = await SendAsync(HttpMethod.Post, path + query, header, Line);
            Assert.Equal((HttpStatusCode.NoContent, ""), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }
    }

    [Theory]
    [InlineData("/write", "{\"error\":\"*\"}")]
    [InlineData("/api/v2/write", "{\"code\":\"unauthorized\",\"message\":\"*\"}")]
    [InlineData("/api/v3/write_lp", "{\"error\":\"*\"}")]
    public async Task Without_a_valid_key_it_is_401(string path, string shape)
    {
        foreach (var header in (string?[])[null, "Digest x", "Negotiate"])
        {
            using var missing = await SendAsync(HttpMethod.Post, path, header, Line);
            Assert.Equal(HttpStatusCode.Unauthorized, missing.StatusCode);
            Assert.Equal(
                shape.Replace("*", "this server asks for a key: send Authorization: Bearer KEY; tidemark key add makes one"),
                await missing.Content.ReadAsStringAsync());
        }

        foreach (var header in (string[])[$"Token {_write}x", "Basic !", $"Basic {Base64("root:root")}", "Token ", "Bearer"])
        {
            using var wrong = await SendAsync(HttpMethod.Post, path, header, Line);
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        }
    }

    [Theory]
    [InlineData("/write", "{\"error\":\"*\"}")]
    [InlineData("/api/v2/write", "{\"code\":\"forbidden\",\"message\":\"*\"}")]
    [InlineData("/api/v3/write_lp", "{\"error\":\"*\"}")]
    public async Task A_key_without_the_scope_is_403(string path, string shape)
    {
        using var answer = await SendAsync(HttpMethod.Post, path, $"Token {_read}", Line);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(
            shape.Replace("*", $"the key 'dashboard' is for read only, which does not allow POST {path}"),
            await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task After_too_many_wrong_keys_the_next_is_429_and_says_when_to_come_again()
    {
        HttpResponseMessage answer = null!;
        for (var i = 0; i <= 20; i++)
        {
            answer = await SendAsync(HttpMethod.Post, "/api/v2/write", "Token wrong", Line);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal(60, answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Equal(
            """{"code":"too many requests","message":"too many wrong keys came from there: try again in a minute"}""",
            await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A browser that keeps a password for a site would send it for a page of another one.</summary>
    [Fact]
    public async Task Elsewhere_only_a_bearer_is_a_key()
    {
        foreach (var header in (string[])[$"Token {_read}", $"Basic {Base64($"x:{_read}")}"])
        {
            using var answer = await SendAsync(HttpMethod.Get, "/api/sensors", header);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }
    }

    /// <summary>A browser sends lines for any page without asking first.</summary>
    [Theory]
    [InlineData("/write"), InlineData("/api/v2/write"), InlineData("/api/v3/write_lp")]
    public async Task Without_keys_a_page_of_another_site_writes_nothing(string path)
    {
        await using var open = await RunningServer.StartAsync();
        foreach (var (origin, status) in ((string, HttpStatusCode)[])[
            ("https://elsewhere.example", HttpStatusCode.Forbidden), ("null", HttpStatusCode.Forbidden),
            ($"http://127.0.0.1:{open.Address.Port}", HttpStatusCode.NoContent)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(Line) };
            request.Headers.Add("Origin", origin);
            using var answer = await open.Client.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
        }

        using var guarded = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(Line) };
        guarded.Headers.Add("Origin", "https://dashboard.example");
        guarded.Headers.Authorization = new AuthenticationHeaderValue("Token", _write);
        using var written = await _server.Client.SendAsync(guarded);
        Assert.Equal(HttpStatusCode.NoContent, written.StatusCode);
    }

    [Fact]
    public async Task Ping_tells_a_version_and_needs_no_key()
    {
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Head])
        {
            using var answer = await SendAsync(method, "/ping", null);
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
            Assert.Matches(@"^\d+\.\d+\.\d+", answer.Headers.GetValues("X-Influxdb-Version").Single());
            Assert.Equal("Tidemark", answer.Headers.GetValues("X-Influxdb-Build").Single());
        }
    }

    [Fact]
    public async Task Health_passes_while_the_store_answers()
    {
        using var answer = await SendAsync(HttpMethod.Get, "/health", null);
        Assert.Matches(
            """^{"name":"influxdb","message":"ready for writes","status":"pass","version":"\d+\.\d+\.\d+[^"]*"}$""",
            await answer.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Without_its_store_health_fails_and_writes_are_asked_to_come_again()
    {
        var store = await RunningServer.StartAsync();
        await using var front = await store.StartBehindAsync();
        await store.DisposeAsync();
        using var health = await front.Client.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        Assert.Contains("\"status\":\"fail\"", await health.Content.ReadAsStringAsync());
        using var write = await front.PostAsync(Line, "text/plain", "/api/v2/write");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, write.StatusCode);
        Assert.StartsWith("{\"code\":\"unavailable\",\"message\":\"", await write.Content.ReadAsStringAsync());
        Assert.True(write.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("GET", "CREATE DATABASE \"plant\"", """{"results":[{"statement_id":0}]}""")]
    [InlineData(
        "POST", "create database plant with duration 3d; SHOW DATABASES ", """{"results":[{"statement_id":0},{"statement_id":1,*}]}""")]
    [InlineData("GET", "SHOW DATABASES", """{"results":[{"statement_id":0,*}]}""")]
    public async Task The_questions_of_version_1_before_it_writes_are_answered(string method, string query, string results)
    {
        var address = $"/query?q={Uri.EscapeDataString(query)}&db=plant&u=anybody&p={_write}&epoch=ms&pretty=true&chunked=false";
        using var answer = await SendAsync(new HttpMethod(method), address, null);
        Assert.Equal(
            results.Replace("*", "\"series\":[{\"name\":\"databases\",\"columns\":[\"name\"],\"values\":[[\"tidemark\"]]}]"),
            await answer.Content.ReadAsStringAsync());
        Assert.Equal((HttpStatusCode.OK, "application/json"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task A_query_may_stand_in_the_body()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/query")
        {
            Content = new FormUrlEncodedContent([new("q", "CREATE DATABASE plant")]),
            Headers = { Authorization = new AuthenticationHeaderValue("Token", _write) },
        };
        using var answer = await _server.Client.SendAsync(request);
        Assert.Equal("""{"results":[{"statement_id":0}]}""", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("", "missing required parameter \\\"q\\\"")]
    [InlineData(
        "?q=SELECT%20*%20FROM%20m", "only CREATE DATABASE and SHOW DATABASES are answered here; read by GET /api/sensors/{id}/raw")]
    public async Task Another_question_is_400(string query, string error)
    {
        using var answer = await SendAsync(HttpMethod.Get, "/query" + query, $"Token {_write}");
        Assert.Equal(
            (HttpStatusCode.BadRequest, $"{{\"error\":\"{error}\"}}"),
            (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Theory]
    [InlineData("/write", "{\"error\":\"GET is not allowed here, only POST\"}")]
    [InlineData("/api/v2/write", "{\"code\":\"method not allowed\",\"message\":\"GET is not allowed here, only POST\"}")]
    [InlineData(
        "/api/v2/buckets",
        "{\"code\":\"not found\",\"message\":\"there is nothing at /api/v2/buckets; GET / lists what there is\"}")]
    public async Task What_is_not_there_is_answered_as_the_version_does(string path, string error)
    {
        await using var open = await RunningServer.StartAsync();
        using var answer = await open.Client.GetAsync(path);
        Assert.Equal(error, await answer.Content.ReadAsStringAsync());
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? authorization, string? body = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body) };
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return _server.Client.SendAsync(request);
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
