using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tidemark.App.Tests.Http;

/// <summary>What one client can't take from the others.</summary>
public sealed class LimitTests
{
    [Fact]
    public async Task Ranges_beyond_the_limit_wait_then_are_503()
    {
        await using var server = await RunningServer.StartAsync(("server:heavy_reads", "1"), ("server:waiting_reads", "1"));
        await WriteMuchAsync(server);
        using (var slow = await server.Client.GetAsync("/api/sensors/a/raw?period=2m", HttpCompletionOption.ResponseHeadersRead))
        {
            var waiting = server.Client.GetAsync("/api/sensors/a/hourly");
            await Task.Delay(500);
            Assert.False(waiting.IsCompleted);

            using var refused = await server.Client.GetAsync("/api/fleet/hourly");
            Assert.Equal(
                "too many ranges are read at once: try again soon, or raise server:heavy_reads or server:waiting_reads",
                (await RunningServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, refused))["error"]!.GetValue<string>());
            Assert.NotNull(refused.Headers.RetryAfter);
            await server.GetAsync("/api/sensors/a/current");

            slow.Dispose();
            Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
        }

        await server.GetAsync("/api/fleet/hourly");
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: ", "HTTP/1.1 408 "), InlineData("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ")]
    public async Task A_slow_or_idle_connection_is_closed(string sent, string start)
    {
        await using var server = await RunningServer.StartAsync(("server:headers_timeout", "1s"), ("server:idle_timeout", "1s"));
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(sent));
        var answer = await new StreamReader(socket.GetStream()).ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.StartsWith(start, answer);
    }

    [Theory]
    [InlineData("[{0},{1}]", "application/json"), InlineData("{0}\n{1}", "application/x-ndjson")]
    public async Task New_sensors_beyond_the_limit_are_refused_and_known_ones_go_on(string form, string type)
    {
        const string NoPlace = "the sensor is new, and the store has as many sensors as the setting max_sensors allows";
        string Reading(string sensor) => $$"""{"sensor_id":"{{sensor}}","time":"2026-11-22T10:01:00Z"}""";
        var body = string.Format(CultureInfo.InvariantCulture, form, Reading("a"), Reading("b"));
        await using var server = await RunningServer.StartAsync(("max_sensors", "1"));
        await server.WriteAsync("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z"}""");
        Assert.Equal(
            $$"""{"written":1,"replaced":0,"unchanged":0,"refused":1,"refusals":[{"line":2,"error":"{{NoPlace}}"}]}""",
            (await server.WriteAsync(body, type)).ToJsonString());
        using var refused = await server.PostAsync("""{"sensor_id":"c","time":"2026-11-22T10:01:00Z"}""");
        Assert.Equal(
            $"line 1: {NoPlace}",
            (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, refused))["error"]!.GetValue<string>());

        await using var behind = await server.StartBehindAsync();
        var later = await behind.WriteAsync(body.Replace("10:01", "10:02", StringComparison.Ordinal), type);
        Assert.Equal((1, 1), (later["written"]!.GetValue<int>(), later["refused"]!.GetValue<int>()));
    }

    [Fact]
    public async Task A_request_that_takes_too_long_is_504()
    {
        await using var store = await RunningServer.StartAsync(("server:heavy_reads", "1"));
        await WriteMuchAsync(store);
        await using var server = await store.StartBehindAsync(("server:request_timeout", "1s"), ("server:heavy_reads", "1"));
        using var slow = await store.Client.GetAsync("/api/sensors/a/raw?period=2m", HttpCompletionOption.ResponseHeadersRead);

        // One waits for the store, the other for its turn.
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 2).Select(_ => server.RefusedAsync(HttpStatusCode.GatewayTimeout, "/api/fleet/hourly")));
        Assert.All(
            answers,
            answer => Assert.Equal("the request took longer than 1s, the limit server:request_timeout: ask for less at once", answer));
        slow.Dispose();
        await server.GetAsync("/api/fleet/hourly");
    }

    [Fact]
    public async Task An_answer_that_is_not_taken_in_time_is_broken_off()
    {
        await using var server = await RunningServer.StartAsync(("server:heavy_reads", "1"), ("server:request_timeout", "1s"));
        await WriteMuchAsync(server);
        using var slow = await server.Client.GetAsync("/api/sensors/a/raw?period=2m", HttpCompletionOption.ResponseHeadersRead);
        await Task.Delay(1500);
        await server.GetAsync("/api/sensors/a/hourly");
        await Assert.ThrowsAnyAsync<Exception>(() => slow.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Exports_and_lines_that_come_now_and_then_may_take_their_time()
    {
        await using var server = await RunningServer.StartAsync(("server:request_timeout", "1s"));
        await WriteMuchAsync(server);
        using var export = await server.Client.GetAsync(
            $"/api/admin/raw?from=0&to={Instant.MaxValue.Micros}", HttpCompletionOption.ResponseHeadersRead);
        using var written = await server.Client.PostAsync("/api/readings", new SlowLines());
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        var lines = await export.Content.ReadAsStringAsync();
        Assert.Equal(1 + 300_000, lines.AsSpan().Count('\n'));
    }

    [Fact]
    public async Task A_body_that_stops_arriving_is_408()
    {
        await using var server = await RunningServer.StartAsync();
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Address.Host, server.Address.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            "POST /api/readings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n[{"));
        Assert.StartsWith("HTTP/1.1 408 ", await new StreamReader(socket.GetStream()).ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task An_answer_that_is_taken_too_slowly_is_broken_off()
    {
        await using var server = await RunningServer.StartAsync(("server:heavy_reads", "1"), ("server:min_rate", "100000000"));
        await WriteMuchAsync(server);
        using var slow = await server.Client.GetAsync("/api/sensors/a/raw?period=2m", HttpCompletionOption.ResponseHeadersRead);
        await server.GetAsync("/api/sensors/a/hourly").WaitAsync(TimeSpan.FromSeconds(60));
        await Assert.ThrowsAnyAsync<Exception>(() => slow.Content.ReadAsByteArrayAsync());
    }

    /// <summary>A line now, another one when a request's time is long over.</summary>
    private sealed class SlowLines : HttpContent
    {
        public SlowLines() => Headers.ContentType = new("application/x-ndjson");

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync("{\"sensor_id\":\"b\",\"time\":\"2026-11-22T10:00:00Z\"}\n"u8.ToArray());
            await stream.FlushAsync();
            await Task.Delay(2000);
            await stream.WriteAsync("{\"sensor_id\":\"b\",\"time\":\"2026-11-22T10:01:00Z\"}\n"u8.ToArray());
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>More than sockets hold: an answer that nobody reads stays where it is.</summary>
    private static async Task WriteMuchAsync(RunningServer server)
    {
        var batch = new ReadingBatch(server.Store.Schema.MetricNames);
        var start = Instant.Utc(2026, 11, 1).Micros;
        for (var i = 0; i < 300_000; i++)
        {
            batch.Add("a", new Instant(start + (i * 1_000_000L)), [i / 7.0, i / 11.0, i / 13.0]);
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
    }
}
