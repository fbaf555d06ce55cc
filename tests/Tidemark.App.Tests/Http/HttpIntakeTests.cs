using System.Net;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

/// <summary>What the status tells of readings that come over HTTP.</summary>
public sealed class HttpIntakeTests
{
    [Fact]
    public async Task Each_way_is_counted_and_what_was_refused_is_kept_with_why_and_from_where()
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Null((await server.GetAsync("/api/status"))["http"]);
        await server.WriteAsync("""
            [{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":1},
             {"sensor_id":"a","time":"2026-11-22T10:01:00Z","temperature":2},
             {"sensor_id":"a","time":"never","temperature":2}]
            """);
        await server.WriteAsync("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":1}""");
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, "nonsense", "/api/readings"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, """{"sensor_id":"a"}""", "/api/readings"));
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync(server, "m,sensor=b temperature=1\nm,sensor=b humidity=2", "/write"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, "m,sensor=b temperature=1\nm,sensor=b humidity=", "/write"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, "m,sensor=b t=1", "/api/v2/write?precision=weeks"));

        var http = (await server.GetAsync("/api/status"))["http"]!;
        Assert.Equal(
            [("/api/readings", 4, 3, 3), ("/api/v2/write", 1, 0, 1), ("/write", 2, 2, 1)],
            http["ways"]!.AsArray().Select(w => (Text(w!, "path"), Number(w!, "requests"), Number(w!, "readings"), Number(w!, "refused"))));
        var last = http["last_refused"]!.AsArray();
        Assert.Equal(
            ["/api/v2/write", "/write", "/api/readings", "/api/readings", "/api/readings"],
            last.Select(r => Text(r!, "path")));
        Assert.All(last, r => Assert.Equal("127.0.0.1", Text(r!, "from")));
        Assert.StartsWith("precision 'weeks' is not ", Text(last[0]!, "error"), StringComparison.Ordinal);
        Assert.StartsWith("1 refused; line 2: ", Text(last[1]!, "error"), StringComparison.Ordinal);
        Assert.StartsWith("1 refused; line 3: ", Text(last[4]!, "error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_last_hundred_are_kept()
    {
        await using var server = await RunningServer.StartAsync();
        for (var i = 0; i < 120; i++)
        {
            await PostAsync(server, $"{{\"sensor_id\":\"a\",\"time\":\"x{i}\"}}", "/api/readings");
        }

        var http = (await server.GetAsync("/api/status"))["http"]!;
        Assert.Equal(120, Number(http["ways"]![0]!, "refused"));
        Assert.Equal(100, http["last_refused"]!.AsArray().Count);
        Assert.Contains("x119", Text(http["last_refused"]![0]!, "error"), StringComparison.Ordinal);
    }

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();

    private static int Number(JsonNode node, string name) => node[name]!.GetValue<int>();

    private static async Task<HttpStatusCode> PostAsync(RunningServer server, string body, string path)
    {
        using var answer = await server.PostAsync(body, "application/json", path);
        return answer.StatusCode;
    }
}
