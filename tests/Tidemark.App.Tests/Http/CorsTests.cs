using System.Net;
using System.Net.Http.Headers;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Http;

/// <summary>Which pages of other sites may use the API in a browser.</summary>
public sealed class CorsTests
{
    private const string Dashboard = "https://dashboard.example.org";
    private const string AllowOrigin = "Access-Control-Allow-Origin";

    [Fact]
    public async Task No_other_site_is_allowed_unless_it_is_configured()
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.Client.SendAsync(From(Dashboard, "/api/sensors"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(answer.Headers.Contains(AllowOrigin));
        using var preflight = await server.Client.SendAsync(Preflight(Dashboard, "authorization"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, preflight.StatusCode);
        Assert.False(preflight.Headers.Contains(AllowOrigin));
    }

    [Fact]
    public async Task A_configured_site_is_named_in_answers_and_in_refusals_and_others_are_not()
    {
        await using var server = await RunningServer.StartAsync(("server:cors", $"http://localhost:3000;{Dashboard}"));
        foreach (var (path, status) in new[]
        {
            ("/api/sensors", HttpStatusCode.OK),
            ("/api/sensors/none/raw", HttpStatusCode.NotFound),
            ("/api/sensors?x=1", HttpStatusCode.BadRequest),
            ("/nothing", HttpStatusCode.NotFound),
        })
        {
            using var answer = await server.Client.SendAsync(From(Dashboard, path));
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal([Dashboard], answer.Headers.GetValues(AllowOrigin));
            Assert.Contains("Origin", answer.Headers.Vary);
            Assert.Contains("ETag", answer.Headers.GetValues("Access-Control-Expose-Headers").Single());
            using var other = await server.Client.SendAsync(From("https://evil.example", path));
            Assert.False(other.Headers.Contains(AllowOrigin));
        }
    }

    [Fact]
    public async Task A_browser_may_send_the_key_and_asks_first_without_it()
    {
        var folder = Directory.CreateTempSubdirectory("tidemark-cors-").FullName;
        var file = Path.Combine(folder, "keys.json");
        var key = new KeyFile(file).Add("page", [Scope.Read], Instant.Utc(2026, 11, 1));
        await using var server = await RunningServer.StartAsync(("server:cors", Dashboard), ("server:keys", file));
        using var preflight = await server.Client.SendAsync(Preflight(Dashboard, "authorization,if-none-match"));
        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
        Assert.Equal([Dashboard], preflight.Headers.GetValues(AllowOrigin));
        Assert.Contains("Authorization", preflight.Headers.GetValues("Access-Control-Allow-Headers").Single());
        Assert.False(preflight.Headers.Contains("Access-Control-Allow-Credentials"));
        using var without = await server.Client.SendAsync(From(Dashboard, "/api/sensors"));
        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        Assert.Equal([Dashboard], without.Headers.GetValues(AllowOrigin));
        var request = From(Dashboard, "/api/sensors");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var with = await server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, with.StatusCode);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(Dashboard, HttpStatusCode.NoContent), InlineData("https://evil.example", HttpStatusCode.Forbidden)]
    public async Task Line_protocol_is_taken_from_a_configured_site_without_keys(string origin, HttpStatusCode status)
    {
        await using var server = await RunningServer.StartAsync(("server:cors", Dashboard));
        var request = From(origin, "/write");
        request.Method = HttpMethod.Post;
        request.Content = new StringContent("sensor_data,sensor_id=a temperature=1 1763805600000000000");
        using var answer = await server.Client.SendAsync(request);
        Assert.Equal(status, answer.StatusCode);
    }

    private static HttpRequestMessage From(string origin, string path)
        => new(HttpMethod.Get, path) { Headers = { { "Origin", origin } } };

    private static HttpRequestMessage Preflight(string origin, string headers) => new(HttpMethod.Options, "/api/sensors")
    {
        Headers =
        {
            { "Origin", origin },
            { "Access-Control-Request-Method", "GET" },
            { "Access-Control-Request-Headers", headers },
        },
    };
}
