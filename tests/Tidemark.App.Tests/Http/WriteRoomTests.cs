using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Tidemark.App.Tests.Cli;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Http;

/// <summary>Bodies that aren't durable yet take a bounded amount of memory, however many come at once.</summary>
public sealed class WriteRoomTests
{
    private static readonly string Readings = string.Join(',', Enumerable.Range(0, 5000).Select(i => Reading("a", i)));

    [Theory]
    [InlineData("/api/readings", "application/json"), InlineData("/api/readings", "application/x-ndjson")]
    [InlineData("/write", "text/plain"), InlineData("/api/v3/write_lp?accept_partial=false", "text/plain")]
    public async Task Large_writes_wait_then_are_503_and_small_ones_go_on(string path, string type)
    {
        await using var server = await RunningServer.StartAsync(("server:write_memory", "1MiB"), ("server:waiting_writes", "1"));
        var body = type switch
        {
            "application/json" => $"[{Readings}]",
            "text/plain" => string.Concat(Enumerable.Range(0, 5000).Select(i => $"m,host=a v={i} {1_700_000_000 + i}000000000\n")),
            _ => Readings.Replace("},{", "}\n{", StringComparison.Ordinal),
        };
        // Which of them comes first is up to the machine: it has to be the slow one.
        while (await RefusedBesideAsync() is not HttpStatusCode.OK)
        {
        }

        async Task<HttpStatusCode> RefusedBesideAsync()
        {
            using var slow = new SlowBody($"[{Readings}", "]");
            var first = server.Client.PostAsync("/api/readings", slow);
            await Task.WhenAny(slow.HalfIsSent, first);
            var others = new List<Task<HttpResponseMessage>>();
            while (!first.IsCompleted && !others.Any(o => o is { IsCompletedSuccessfully: true, Result.IsSuccessStatusCode: false }))
            {
                others.Add(server.PostAsync(body, type, path));
                await Task.WhenAny([first, .. others.Where(o => !o.IsCompleted), Task.Delay(300)]);
            }

            Assert.Equal(0, (await server.WriteAsync(Reading("small", 0)))["refused"]!.GetValue<int>());
            slow.SendRest();
            foreach (var answer in (await Task.WhenAll(others)).Where(a => !a.IsSuccessStatusCode))
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
                Assert.NotNull(answer.Headers.RetryAfter);
                Assert.Contains(
                    "too much is written at once: try again soon, or raise server:write_memory or server:waiting_writes",
                    await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }

            return (await first).StatusCode;
        }
    }

    [Fact]
    public async Task Lines_that_come_now_and_then_keep_no_room()
    {
        await using var server = await RunningServer.StartAsync(("server:write_memory", "1MiB"), ("server:waiting_writes", "1"));
        using var slow = new SlowBody(
            Readings.Replace("},{", "}\n{", StringComparison.Ordinal) + "\n", Reading("b", 1), "application/x-ndjson");
        var first = server.Client.PostAsync("/api/readings", slow);
        await slow.HalfIsSent;
        using var other = await server.PostAsync($"[{Readings}]");
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.False(first.IsCompleted);
        slow.SendRest();
        Assert.Contains("\"refused\":0", await (await first).Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Memory_stays_whoever_sends(bool isChunked)
    {
        TestLength.SkipUnlessShare();
        using var folder = new CliFolder();
        folder.Write("tidemark.json", """{ "server": { "write_memory": "64MiB" } }""");
        var server = await folder.ServeAsync();
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()), Timeout = TimeSpan.FromMinutes(2) };
        // Blanks cost nothing but room.
        var body = Encoding.ASCII.GetBytes(new string(' ', 16 << 20) + Reading("a", 1));
        var statuses = await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/readings") { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.TransferEncodingChunked = isChunked;
            using var answer = await http.SendAsync(request);
            return answer.StatusCode;
        }));
        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
        var most = File.ReadLines($"/proc/{server.Id}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        Assert.InRange(int.Parse(most.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) >> 10, 1, 1000);
    }

    private static string Reading(string sensor, int number)
        => $$"""{"sensor_id":"{{sensor}}","time":{{1_700_000_000_000 + (1000L * number)}},"temperature":{{number % 50}}}""";

    /// <summary>A body of which the second part comes when it is told to.</summary>
    private sealed class SlowBody : HttpContent
    {
        private readonly byte[] _half;
        private readonly byte[] _rest;
        private readonly TaskCompletionSource _halfIsSent = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _mayGoOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SlowBody(string half, string rest, string type = "application/json")
        {
            (_half, _rest) = (Encoding.UTF8.GetBytes(half), Encoding.UTF8.GetBytes(rest));
            Headers.ContentType = new MediaTypeHeaderValue(type);
        }

        public Task HalfIsSent => _halfIsSent.Task;

        public void SendRest() => _mayGoOn.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(_half);
            await stream.FlushAsync();
            _halfIsSent.TrySetResult();
            await _mayGoOn.Task;
            await stream.WriteAsync(_rest);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
