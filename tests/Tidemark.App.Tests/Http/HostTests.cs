using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Http;

/// <summary>A page of another site must neither use an open server under a name of its own nor frame its answers.</summary>
public sealed class HostTests
{
    [Theory]
    [InlineData("localhost"),
        InlineData("LOCALHOST:5000"),
        InlineData("127.0.0.1:1"),
        InlineData("[::1]:5000"),
        InlineData("tidemark.example.org"),
        InlineData("box:80")]
    public async Task Its_own_names_are_answered(string host)
    {
        await using var server = await RunningServer.StartAsync(("server:hosts", "tidemark.example.org; box"));
        using var answer = await server.Client.SendAsync(For(host));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("evil.example", "/api/sensors"),
        InlineData("localhost.evil.example:5000", "/api/sensors"),
        InlineData("127.0.0.2", "/"),
        InlineData("evil.example", "/docs/"),
        InlineData("evil.example", "/nothing")]
    public async Task Another_name_is_421(string host, string path)
    {
        await using var server = await RunningServer.StartAsync();
        var line = await server.RefusedAsync(HttpStatusCode.MisdirectedRequest, For(host, path));
        Assert.Equal(
            $"this server does not answer for '{host.Split(':')[0]}': add that to server:hosts (TIDEMARK_SERVER__HOSTS), make a key with "
                + "tidemark key add, or ask for localhost", line);
    }

    [Fact]
    public async Task With_keys_every_name_is_answered()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("tidemark-keys-").FullName, "keys.json");
        await using var server = await RunningServer.StartAsync(("server:keys", file));
        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await server.Client.SendAsync(For("tidemark.example.org"))).StatusCode);
        new KeyFile(file).Add("me", [Scope.Read], Instant.Utc(2026, 11, 1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Client.SendAsync(For("tidemark.example.org"))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.SendAsync(For("tidemark.example.org", "/api/health"))).StatusCode);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task Without_a_name_it_is_no_browser()
    {
        await using var server = await RunningServer.StartAsync();
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes("GET /api/health HTTP/1.0\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 200 ", await new StreamReader(socket.GetStream()).ReadToEndAsync());
    }

    [Theory]
    [InlineData("/"),
        InlineData("/api/sensors"),
        InlineData("/api/nothing"),
        InlineData("/api/sensors/a/raw"),
        InlineData("/openapi/v1.json"),
        InlineData("/docs/")]
    public async Task Every_answer_has_security_headers(string path)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.Client.GetAsync(path);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("DENY", answer.Headers.GetValues("X-Frame-Options").Single());
        Assert.Equal("no-referrer", answer.Headers.GetValues("Referrer-Policy").Single());
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        if (path != "/docs/")
        {
            Assert.Equal("default-src 'none'; frame-ancestors 'none'", policy);
        }
    }

    [Fact]
    public async Task The_page_may_run_its_own_scripts_alone()
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.Client.GetAsync("/docs/");
        var nonce = Regex.Match(answer.Headers.GetValues("Content-Security-Policy").Single(), "script-src 'self' 'nonce-([^']+)';")
            .Groups[1]
            .Value;
        Assert.NotEmpty(nonce);
        var scripts = Regex.Matches(await answer.Content.ReadAsStringAsync(), "<script[^>]*>").Select(m => m.Value).ToList();
        Assert.NotEmpty(scripts);
        Assert.All(scripts, s => Assert.Contains($"nonce=\"{nonce}\"", WebUtility.HtmlDecode(s), StringComparison.Ordinal));
    }

    private static HttpRequestMessage For(string host, string path = "/api/sensors")
        => new(HttpMethod.Get, path) { Headers = { Host = host } };
}
