using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

public sealed class StreamingTests
{
    /// <summary>One reading a second up to 10:00.</summary>
    private static async Task FillAsync(RunningServer server, int count, string sensor = "a")
    {
        var batch = new ReadingBatch(server.Store.Schema.MetricNames, count);
        var end = Instant.Utc(2026, 11, 22, 10);
        for (var i = 0; i < count; i++)
        {
            batch.Add(sensor, end - TimeSpan.FromSeconds(i), [20 + (i % 7 / 3.0), 50, double.NaN]);
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
    }

    [Fact]
    public async Task An_answer_stops_at_the_most_rows_and_says_where_to_go_on()
    {
        await using var server = await RunningServer.StartAsync(("server:max_rows", "50"));
        await FillAsync(server, 120);
        var times = new List<string>();
        JsonNode answer;
        var path = "/api/sensors/a/raw?period=1d";
        do
        {
            answer = await server.GetAsync(path);
            var rows = answer["data"]!.AsArray();
            Assert.Equal(answer["data_points"]!.GetValue<int>(), rows.Count);
            times.AddRange(rows.Select(r => r!["time"]!.GetValue<string>()));
            path = $"/api/sensors/a/raw?from={answer["next_from"]}";
        }
        while (answer["truncated"]?.GetValue<bool>() == true);
        Assert.Equal(120, times.Distinct().Count());
        Assert.Equal(times.Order(StringComparer.Ordinal), times);
        Assert.Equal(20, answer["data_points"]!.GetValue<int>());
    }

    [Fact]
    public async Task An_answer_of_exactly_the_most_rows_is_whole()
    {
        await using var server = await RunningServer.StartAsync(("server:max_rows", "50"));
        await FillAsync(server, 50);
        Assert.Null((await server.GetAsync("/api/sensors/a/raw"))["truncated"]);
    }

    [Fact]
    public async Task A_large_answer_streams_and_is_complete()
    {
        await using var server = await RunningServer.StartAsync();
        await FillAsync(server, 60_000);
        using var response = await server.Client.GetAsync("/api/sensors/a/raw?period=1w", HttpCompletionOption.ResponseHeadersRead);
        Assert.Null(response.Content.Headers.ContentLength);
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal((60_000, 60_000), (answer["data_points"]!.GetValue<int>(), answer["data"]!.AsArray().Count));
    }

    [Theory]
    [InlineData("br", 100), InlineData("gzip", 100), InlineData("br", 60_000), InlineData("gzip", 60_000)]
    public async Task Who_asks_for_it_gets_the_same_answer_compressed(string encoding, int readings)
    {
        await using var server = await RunningServer.StartAsync();
        await FillAsync(server, readings);
        var path = "/api/sensors/a/raw?period=1w";
        var plain = await server.Client.GetByteArrayAsync(path);
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { AcceptEncoding = { new(encoding) } } };
        using var response = await server.Client.SendAsync(request);
        Assert.Equal([encoding], response.Content.Headers.ContentEncoding);
        Assert.Equal(["Accept-Encoding"], response.Headers.Vary);
        var packed = await response.Content.ReadAsByteArrayAsync();
        Assert.InRange(packed.Length, 1, plain.Length / 5);
        await using var body = new MemoryStream(packed);
        await using Stream unpacked = encoding == "br"
            ? new BrotliStream(body, CompressionMode.Decompress)
            : new GZipStream(body, CompressionMode.Decompress);
        var (answer, expected) = ((await JsonNode.ParseAsync(unpacked))!, JsonNode.Parse(plain)!);
        Assert.True(JsonNode.DeepEquals(expected["data"], answer["data"]));
        Assert.Equal(readings, answer["data_points"]!.GetValue<int>());
    }

    [Fact]
    public async Task Compressed_or_not_what_breaks_off_is_no_whole_answer()
    {
        await using var origin = await RunningServer.StartAsync();
        await FillAsync(origin, 400_000);
        await using var server = await origin.StartBehindAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/sensors/a/raw?period=1w")
        {
            Headers = { AcceptEncoding = { new("gzip") } }
        };
        using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await origin.AbortAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_store_that_fails_in_the_middle_breaks_the_answer_off()
    {
        await using var origin = await RunningServer.StartAsync();
        await FillAsync(origin, 400_000);
        await using var server = await origin.StartBehindAsync();
        using var response = await server.Client.GetAsync("/api/sensors/a/raw?period=1w", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await origin.AbortAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Ten_clients_read_beside_a_bulk_write_and_none_gets_an_error()
    {
        await using var server = await RunningServer.StartAsync();
        await FillAsync(server, 10_000);
        await server.RefreshAsync();
        using var done = new CancellationTokenSource();
        string[] paths =
        [
            "/api/sensors", "/api/sensors/a/current", "/api/sensors/a/raw?period=1h", "/api/sensors/a/hourly", "/api/sensors/a/daily",
            "/api/health",
        ];
        var clients = Enumerable.Range(0, 10).Select(client => Task.Run(async () =>
        {
            var count = 0;
            for (; !done.IsCancellationRequested || count < paths.Length; count++)
            {
                await server.GetAsync(paths[(client + count) % paths.Length]);
            }

            return count;
        })).ToList();
        for (var batch = 0; batch < 20; batch++)
        {
            await FillAsync(server, 20_000, $"bulk {batch}");
        }

        await done.CancelAsync();
        Assert.All(await Task.WhenAll(clients), count => Assert.True(count >= paths.Length));
        Assert.Equal(21, (await server.GetAsync("/api/sensors"))["count"]!.GetValue<int>());
    }
}
