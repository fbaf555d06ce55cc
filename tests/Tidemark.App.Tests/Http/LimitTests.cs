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

    /// <summary>More than sockets hold: an answer that nobody reads stays where it is.</summary>
    private static async Task WriteMuchAsync(RunningServer server)
    {
        var batch = new ReadingBatch(3);
        var start = Instant.Utc(2026, 11, 1).Micros;
        for (var i = 0; i < 300_000; i++)
        {
            batch.Add("a", new Instant(start + (i * 1_000_000L)), [i / 7.0, i / 11.0, i / 13.0]);
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
    }
}
