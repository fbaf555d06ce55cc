using System.Net;

namespace Tidemark.App.Tests.Http;

public sealed class HeadTests(RefusalServer fixture) : IClassFixture<RefusalServer>
{
    private readonly RunningServer _server = fixture.Server;

    [Theory]
    [InlineData("/"),
        InlineData("/api/health"),
        InlineData("/api/status"),
        InlineData("/api/sensors"),
        InlineData("/api/sensors/a/current"),
        InlineData("/api/sensors/a/raw")]
    [InlineData("/api/sensors/a/hourly"),
        InlineData("/api/fleet/hourly"),
        InlineData("/api/stats/performance"),
        InlineData("/api/admin/configuration")]
    [InlineData("/docs/"),
        InlineData("/openapi/v1.json"),
        InlineData("/api/sensors/b/raw"),
        InlineData("/api/sensors/a/raw?period=x"),
        InlineData("/api/nothing")]
    public async Task It_answers_as_GET_does_without_a_body(string path)
    {
        using var get = await _server.Client.GetAsync(path);
        using var head = await _server.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        Assert.Equal(get.StatusCode, head.StatusCode);
        Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Equal("", await head.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task It_is_refused_where_there_is_no_GET()
    {
        using var head = await _server.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/api/readings"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, head.StatusCode);
        Assert.Equal(["POST"], head.Content.Headers.Allow);
    }
}
