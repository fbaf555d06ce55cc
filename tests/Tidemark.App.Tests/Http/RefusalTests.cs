using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tidemark.App.Tests.Http;

/// <summary>One sensor, <c>a</c>, with one reading: what is refused, with which status and line.</summary>
public sealed class RefusalServer : IAsyncLifetime
{
    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await RunningServer.StartAsync(("server:max_body", "4KiB"));
        await Server.WriteAsync("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":21}""");
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

public sealed class RefusalTests(RefusalServer fixture) : IClassFixture<RefusalServer>
{
    private readonly RunningServer _server = fixture.Server;

    [Theory]
    [InlineData("0d"), InlineData("-1d"), InlineData("1x"), InlineData("1.5h"), InlineData(""), InlineData("d"), InlineData("1 d")]
    public async Task A_malformed_period_is_400_everywhere(string period)
    {
        var line = $"period '{period}' is not a positive whole number and h, d, w, m or y, such as 12h, 1d, 2w, 3m or 1y";
        foreach (var view in new[] { "sensors/a/raw", "sensors/a/hourly", "fleet/hourly" })
        {
            Assert.Equal(line, await _server.RefusedAsync(HttpStatusCode.BadRequest, $"/api/{view}?period={period}"));
        }
    }

    [Theory]
    [InlineData("period=99999y", "period '99999y' is longer than 100y")]
    [InlineData("period=99999999999999999999d", "period '99999999999999999999d' is longer than 100y")]
    [InlineData("period=1d&period=2d", "period is given 2 times")]
    [InlineData("from=2026-11-22T10:00:00Z&to=2026-11-21T10:00:00Z", "from 2026-11-22T10:00:00Z is not before to 2026-11-21T10:00:00Z")]
    [InlineData("from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z", "from 2026-11-22T10:00:00Z is not before to 2026-11-22T10:00:00Z")]
    [InlineData("to=2026-11-22T10:00:00Z", "to needs from")]
    [InlineData("period=1d&from=2026-11-22T10:00:00Z", "period can't be combined with from and to")]
    [InlineData("from=yesterday", "from 'yesterday' is not RFC 3339 with a zone, such as 2026-11-22T10:00:00Z, or epoch milliseconds")]
    [InlineData(
        "from=2026-11-22T10:00:00",
        "from '2026-11-22T10:00:00' is not RFC 3339 with a zone, such as 2026-11-22T10:00:00Z, or epoch milliseconds")]
    [InlineData("from=", "from '' is not RFC 3339 with a zone, such as 2026-11-22T10:00:00Z, or epoch milliseconds")]
    public async Task A_malformed_range_is_400(string query, string line)
        => Assert.Equal(line, await _server.RefusedAsync(HttpStatusCode.BadRequest, $"/api/sensors/a/hourly?{query}"));

    [Fact]
    public async Task Every_fault_is_named()
    {
        using var answer = await _server.Client.GetAsync($"/api/sensors/{new string('x', 51)}/raw?from=x&to=y");
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
        Assert.Equal(3, problem["errors"]!.AsArray().Count);
        Assert.Equal("sensor_id is longer than 50 characters", problem["errors"]![0]!.GetValue<string>());
        Assert.Equal(("about:blank", "Bad Request"), (problem["type"]!.GetValue<string>(), problem["title"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("/api/sensors/b/current", "there is no sensor 'b'")]
    [InlineData("/api/sensors/b/raw", "there is no sensor 'b'")]
    [InlineData("/api/sensors/b/hourly", "there is no sensor 'b'")]
    [InlineData("/api/sensors/A/hourly", "there is no sensor 'A'")]
    [InlineData("/api/stats/performance?sensor_id=b", "there is no sensor 'b'")]
    [InlineData("/api/sensors/a/weekly", "there is no aggregate 'weekly'; there are hourly, daily, monthly")]
    [InlineData("/api/fleet/weekly", "there is no aggregate 'weekly'; there are hourly, daily, monthly")]
    [InlineData("/api/nothing", "there is nothing at /api/nothing; GET / lists what there is")]
    [InlineData("/api/sensors/a", "there is nothing at /api/sensors/a; GET / lists what there is")]
    public async Task What_is_not_there_is_404(string path, string line)
        => Assert.Equal(line, await _server.RefusedAsync(HttpStatusCode.NotFound, path));

    [Theory]
    [InlineData("/api/fleet/hourly?metric=wind", "there is no metric 'wind'; there are temperature, humidity, pressure")]
    [InlineData("/api/fleet/hourly?source=magic", "source 'magic' is not aggregate or raw")]
    [InlineData("/api/stats/performance?sensor_id=", "sensor_id is missing or empty")]
    public async Task A_malformed_question_is_400(string path, string line)
        => Assert.Equal(line, await _server.RefusedAsync(HttpStatusCode.BadRequest, path));

    [Fact]
    public async Task Another_method_is_405()
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, "/api/sensors");
        using var answer = await _server.Client.SendAsync(request);
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.MethodNotAllowed, answer);
        Assert.Equal("DELETE is not allowed here, only GET, HEAD", problem["error"]!.GetValue<string>());
        Assert.Equal(["GET", "HEAD"], answer.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("sensors/a/raw", "metrics, points, period, from, to")]
    [InlineData("sensors/a/hourly", "metrics, tz, fill, period, from, to")]
    public async Task A_mistyped_name_in_a_query_is_400(string view, string names)
        => Assert.Equal(
            $"there is no query parameter 'perod'; there are {names}",
            await _server.RefusedAsync(HttpStatusCode.BadRequest, $"/api/{view}?perod=1w"));

    [Theory]
    [InlineData(
        "/api/fleet/hourly?metrics=temperature",
        "there is no query parameter 'metrics'; there are metric, source, period, from, to")]
    [InlineData("/api/stats/performance?sensor=a", "there is no query parameter 'sensor'; there is sensor_id")]
    [InlineData("/api/sensors/a/current?period=1d", "there is no query parameter 'period'; this address takes none")]
    [InlineData("/api/sensors?limit=1", "there is no query parameter 'limit'; this address takes none")]
    [InlineData("/api/health?x", "there is no query parameter 'x'; this address takes none")]
    [InlineData(
        "/?x=1&y=2",
        "there is no query parameter 'x'; this address takes none; there is no query parameter 'y'; this address takes none")]
    [InlineData(
        "/api/admin/raw?until=1&from=0&to=1",
        "there is no query parameter 'until'; there are sensor_id, from, to, from_raw, metrics, partials")]
    [InlineData("/api/admin/configuration?x=1", "there is no query parameter 'x'; this address takes none")]
    public async Task An_unknown_name_in_a_query_is_400(string path, string line)
        => Assert.Equal(line, await _server.RefusedAsync(HttpStatusCode.BadRequest, path));

    [Fact]
    public async Task An_unknown_name_is_refused_before_anything_is_written()
    {
        using var answer = await _server.PostAsync("""{"sensor_id":"b","time":"2026-11-22T10:00:00Z"}""", path: "/api/readings?import=x");
        Assert.Equal(
            "there is no query parameter 'import'; there are import_id, time_unit",
            (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer))["error"]!.GetValue<string>());
        await _server.RefusedAsync(HttpStatusCode.NotFound, "/api/sensors/b/current");
    }

    [Theory]
    [InlineData("text/plain"), InlineData("application/x-www-form-urlencoded"), InlineData("application/xml")]
    public async Task Another_content_type_is_415(string type)
    {
        using var answer = await _server.PostAsync("{}", type);
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.UnsupportedMediaType, answer);
        Assert.Equal(
            $"content type '{type}' is not supported; send application/json or application/x-ndjson",
            problem["error"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("application/json"), InlineData("application/x-ndjson")]
    public async Task A_body_over_the_limit_is_413(string type)
    {
        using var answer = await _server.PostAsync(new string(' ', 5000), type);
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, answer);
        Assert.Equal("the body is larger than 4KiB, the limit server:max_body", problem["error"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_chunked_body_over_the_limit_is_413()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/readings");
        request.Content = new StringContent(new string(' ', 50_000), Encoding.UTF8, "application/x-ndjson");
        request.Headers.TransferEncodingChunked = true;
        Assert.Equal(
            "the body is larger than 4KiB, the limit server:max_body",
            await _server.RefusedAsync(HttpStatusCode.RequestEntityTooLarge, request));
    }

    [Theory]
    [InlineData("%00", 400),
        InlineData("%ZZ", 400),
        InlineData("%", 400),
        InlineData("%FF", 400),
        InlineData("%0A", 400),
        InlineData("%C2%85", 400)]
    [InlineData("..", 404), InlineData("%2E%2E", 404), InlineData("b/../a", 400)]
    public async Task A_malformed_path_is_refused(string segment, int status)
    {
        // A client library would tidy the path first.
        using var socket = new TcpClient();
        await socket.ConnectAsync(_server.Address.Host, _server.Address.Port);
        await socket.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes($"GET /api/sensors/{segment}/raw HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        var answer = await new StreamReader(socket.GetStream()).ReadToEndAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", answer);
    }
}
