using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using MQTTnet;
using Tidemark.App.Tests.Cli;
using Tidemark.Server.Hosting;
using Tidemark.Server.Remote;

namespace Tidemark.App.Tests.Http;

/// <summary>Readings as they are committed, over the real server.</summary>
public sealed class LiveTests
{
    [Fact]
    public async Task Readings_of_every_way_in_come()
    {
        await using var server = await RunningServer.StartAsync(("mqtt:listen", "mqtt://127.0.0.1:0"));
        await using var behind = await server.StartBehindAsync();
        await using var live = await LiveClient.OpenAsync(server.Client);
        await using var liveBehind = await LiveClient.OpenAsync(behind.Client);

        await server.WriteAsync("""{"sensor_id":"json","time":"2026-11-22T10:00:00Z","temperature":21.5,"co2":612}""");
        var reading = (await live.NextAsync())!.Data;
        Assert.Equal("""{"time":"2026-11-22T10:00:00Z","sensor_id":"json","temperature":21.5,"co2":612}""", reading.ToJsonString());
        Assert.Equal(["json 10:00 21.5"], await liveBehind.ReadingsAsync(1));

        await server.WriteAsync("""{"sensor_id":"ndjson","time":"2026-11-22T10:01:00Z","temperature":1}""", "application/x-ndjson");
        using var lines = await server.PostAsync(
            "sensor_data,sensor_id=lines temperature=2 1795341720", "text/plain", "/api/v2/write?precision=s");
        await using (var remote = await HttpTelemetryStore.ConnectAsync(server.Address, null, CancellationToken.None))
        {
            await remote.WriteAsync(Batch(("admin", 3, 3)), CancellationToken.None);
        }

        await server.Store.WriteAsync(Batch(("embedded", 4, 4)), CancellationToken.None);
        using (var client = new MqttClientFactory().CreateMqttClient())
        {
            var port = new Uri(TidemarkServer.MqttAddresses(server.App).Single()).Port;
            await client.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port).WithClientId("").Build());
            await client.PublishAsync(new MqttApplicationMessageBuilder().WithTopic("sensors/mqtt")
                .WithPayload("""{"time":"2026-11-22T10:05:00Z","temperature":5}""").Build());
        }

        string[] expected = ["ndjson 10:01 1", "lines 10:02 2", "admin 10:03 3", "embedded 10:04 4", "mqtt 10:05 5"];
        Assert.Equal(expected, await live.ReadingsAsync(5));
        Assert.Equal(expected, await liveBehind.ReadingsAsync(5));
    }

    [Fact]
    public async Task A_client_chooses_sensors_and_metrics()
    {
        await using var server = await RunningServer.StartAsync();
        await using var some = await LiveClient.OpenAsync(server.Client, "?sensors=kitchen,hall-*&metrics=co2,temperature");
        await using var odd = await LiveClient.OpenAsync(server.Client, $"?sensors={Uri.EscapeDataString("a\\,b,\\*")}");
        await server.WriteAsync("""
            [{"sensor_id":"cellar","time":"2026-11-22T10:00:00Z","temperature":1},
             {"sensor_id":"hall-2","time":"2026-11-22T10:00:00Z","humidity":2},
             {"sensor_id":"hall-1","time":"2026-11-22T10:00:00Z","temperature":3,"humidity":2},
             {"sensor_id":"a,b","time":"2026-11-22T10:00:00Z","temperature":4},
             {"sensor_id":"*","time":"2026-11-22T10:00:00Z","temperature":5},
             {"sensor_id":"kitchen","time":"2026-11-22T10:00:00Z","co2":600}]
            """);
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00Z","sensor_id":"hall-1","co2":null,"temperature":3}""",
            (await some.NextAsync())!.Data.ToJsonString());
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00Z","sensor_id":"kitchen","co2":600,"temperature":null}""",
            (await some.NextAsync())!.Data.ToJsonString());
        Assert.Equal(["a,b 10:00 4", "* 10:00 5"], await odd.ReadingsAsync(2));
    }

    [Fact]
    public async Task Many_clients_each_get_everything_once_and_in_order()
    {
        await using var server = await RunningServer.StartAsync();
        var clients = await Task.WhenAll(
            Enumerable.Range(0, 200).Select(i => LiveClient.OpenAsync(server.Client, $"?sensors=s{i % 20}")));
        await using var all = await LiveClient.OpenAsync(server.Client);
        for (var step = 0; step < 50; step++)
        {
            await server.Store.WriteAsync(Batch([.. Enumerable.Range(0, 20).Select(s => ($"s{s}", step, (double)step))]), default);
        }

        var expected = Enumerable.Range(0, 50).Select(step => $"10:{step:00} {step}").ToList();
        await Task.WhenAll(clients.Select(async (client, i) =>
            Assert.Equal(expected.Select(text => $"s{i % 20} {text}"), await client.ReadingsAsync(50))));
        var readings = await all.ReadingsAsync(1000);
        Assert.All(readings.GroupBy(r => r[..r.IndexOf(' ', StringComparison.Ordinal)]), group =>
            Assert.Equal(expected, group.Select(r => r[(r.IndexOf(' ', StringComparison.Ordinal) + 1)..])));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_client_that_comes_back_after_a_kill_of_the_server_gets_what_it_missed()
    {
        using var folder = new CliFolder();
        await folder.RunAsync("init");
        var server = folder.Start("serve", "--urls", "http://127.0.0.1:0");
        string last;
        using (var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) })
        {
            await using (var live = await LiveClient.OpenAsync(http, "?sensors=a,b"))
            {
                await WriteAsync(
                    http, ("a", "2026-11-22T10:00:00Z", 1), ("b", "2026-11-22T10:00:00Z", 2), ("c", "2026-11-22T10:00:00Z", 2));
                Assert.Equal(["a 10:00 1", "b 10:00 2"], await live.ReadingsAsync(2));
                last = live.LastEventId;
            }

            await WriteAsync(http, ("a", "2026-11-22T10:01:00Z", 3));
            await WriteAsync(http, ("b", "2026-11-01T09:00:00Z", 4), ("c", "2026-11-22T10:01:00Z", 2));
        }

        await server.KillAsync();
        var again = folder.Start("serve", "--urls", "http://127.0.0.1:0");
        using var client = new HttpClient { BaseAddress = new Uri(await again.UrlAsync()) };
        await WriteAsync(client, ("a", "2026-11-22T10:02:00Z", 5));
        await using var resumed = await LiveClient.OpenAsync(client, "?sensors=a,b", last);
        var missed = await resumed.ReadingsAsync(3);
        Assert.Equal(["a 10:01 3", "a 10:02 5", "b 09:00 4"], missed.Order(StringComparer.Ordinal));
        await WriteAsync(client, ("a", "2026-11-22T10:03:00Z", 6));
        Assert.Equal(["a 10:03 6"], await resumed.ReadingsAsync(1));
        Assert.Equal(0, (await again.TerminateAsync()).ExitCode);
        Assert.Null(await resumed.NextAsync());
    }

    [Fact]
    public async Task A_client_that_comes_back_too_late_is_told()
    {
        await using var server = await RunningServer.StartAsync();
        await using var live = await LiveClient.OpenAsync(server.Client, lastEventId: "another-7");
        var missed = await live.NextAsync();
        Assert.Equal(("missed", """{"readings":null}"""), (missed!.Type, missed.Data.ToJsonString()));
        await server.Store.WriteAsync(Batch(("a", 1, 1)), default);
        Assert.Equal(["a 10:01 1"], await live.ReadingsAsync(1));
        var last = live.LastEventId;

        await server.Store.WriteAsync(Batch([.. Enumerable.Range(0, 8000).Select(i => ($"s{i}", 2, (double)i))]), default);
        await server.Store.WriteAsync(Batch([.. Enumerable.Range(0, 8000).Select(i => ($"s{i}", 3, (double)i))]), default);
        await using var resumed = await LiveClient.OpenAsync(server.Client, lastEventId: last);
        Assert.Equal("""{"readings":8000}""", (await resumed.NextAsync())!.Data.ToJsonString());
        Assert.All(await resumed.ReadingsAsync(8000), reading => Assert.Contains(" 10:03 ", reading, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_slow_client_gets_the_newest_and_is_told_how_many_it_missed()
    {
        const int Commits = 200;
        const int Sensors = 400;
        await using var server = await RunningServer.StartAsync();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes("GET /api/live HTTP/1.0\r\n\r\n"));
        await using var quick = await LiveClient.OpenAsync(server.Client, "?sensors=s0");
        for (var commit = 0; commit < Commits; commit++)
        {
            await server.Store.WriteAsync(
                Batch([.. Enumerable.Range(0, Sensors).Select(s => ($"s{s}", commit % 60, commit + (s / 1000.0)))]), default);
        }

        Assert.Equal(Commits, (await quick.ReadingsAsync(Commits)).Count);
        await server.Store.WriteAsync(Batch(("end", 0, 0)), default);
        var (seen, missed, last) = (0, 0L, "");
        using var reader = new StreamReader(new NetworkStream(socket));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!last.Contains("\"end\"", StringComparison.Ordinal))
        {
            var line = (await reader.ReadLineAsync(patience.Token))!;
            if (line.StartsWith("data: {\"readings\":", StringComparison.Ordinal))
            {
                missed += JsonNode.Parse(line[6..])!["readings"]!.GetValue<long>();
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                (seen, last) = (seen + 1, line);
            }
        }

        Assert.True(missed > 0);
        Assert.Equal((Commits * Sensors) + 1, seen + missed);
    }

    [Fact]
    public async Task Of_a_large_commit_each_client_gets_the_newest_of_its_sensors()
    {
        await using var server = await RunningServer.StartAsync();
        await using var all = await LiveClient.OpenAsync(server.Client);
        await using var other = await LiveClient.OpenAsync(server.Client, "?sensors=b&metrics=temperature");
        var batch = new ReadingBatch(server.Store.Schema.MetricNames);
        var begin = new DateTimeOffset(2026, 11, 20, 0, 0, 0, TimeSpan.Zero);
        foreach (var (sensor, count) in new[] { ("a", 20_000), ("b", 5_000) })
        {
            for (var second = 0; second < count; second++)
            {
                var values = new double[batch.MetricCount];
                Array.Fill(values, double.NaN);
                values[batch.MetricIndex("temperature")] = second;
                batch.Add(sensor, Instant.From(begin.AddSeconds(second)), values);
            }
        }

        await server.Store.WriteAsync(batch, default);

        var missed = await all.NextAsync();
        Assert.Equal(("missed", 15_000), (missed!.Type, missed.Data["readings"]!.GetValue<int>()));
        Assert.Equal(
            [.. Enumerable.Range(15_000, 5_000).Select(s => ("a", s)), .. Enumerable.Range(0, 5_000).Select(s => ("b", s))],
            await HeardAsync(all, 10_000));
        Assert.Equal(Enumerable.Range(0, 5_000).Select(s => ("b", s)), await HeardAsync(other, 5_000));
    }

    private static async Task<List<(string Sensor, int Temperature)>> HeardAsync(LiveClient client, int count)
    {
        var heard = new List<(string, int)>();
        while (heard.Count < count)
        {
            var next = await client.NextAsync();
            Assert.Equal("reading", next!.Type);
            heard.Add((next.Data["sensor_id"]!.GetValue<string>(), next.Data["temperature"]!.GetValue<int>()));
        }

        return heard;
    }

    [Fact]
    public async Task An_open_stream_counts_neither_as_a_range_nor_as_a_long_request()
    {
        await using var server = await RunningServer.StartAsync(
            ("server:heavy_reads", "1"), ("server:waiting_reads", "1"), ("server:request_timeout", "1s"));
        await using var one = await LiveClient.OpenAsync(server.Client);
        await using var two = await LiveClient.OpenAsync(server.Client);
        await using var three = await LiveClient.OpenAsync(server.Client);
        await server.Store.WriteAsync(Batch(("a", 1, 1)), default);
        await server.GetAsync("/api/sensors/a/raw");
        await Task.Delay(TimeSpan.FromSeconds(2));
        await server.Store.WriteAsync(Batch(("a", 2, 2)), default);
        Assert.Equal(["a 10:01 1", "a 10:02 2"], await one.ReadingsAsync(2));
        Assert.Equal(["a 10:01 1", "a 10:02 2"], await three.ReadingsAsync(2));
    }

    [Fact]
    public async Task A_stopping_server_ends_its_streams()
    {
        var server = await RunningServer.StartAsync();
        await using var live = await LiveClient.OpenAsync(server.Client);
        await server.App.StopAsync();
        Assert.Null(await live.NextAsync());
        await server.DisposeAsync();
    }

    [Fact]
    public async Task What_cannot_be_listened_to_is_refused()
    {
        await using var server = await RunningServer.StartAsync(("server:live_clients", "1"));
        Assert.Equal(
            "sensors 'a,,b' is not a list such as kitchen,hall-* or *: sensor_id is missing or empty",
            await server.RefusedAsync(HttpStatusCode.BadRequest, "/api/live?sensors=a,,b"));
        Assert.StartsWith(
            "there is no query parameter 'sensor'",
            await server.RefusedAsync(HttpStatusCode.BadRequest, "/api/live?sensor=a"), StringComparison.Ordinal);
        using var head = await server.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/api/live"));
        Assert.Equal("text/event-stream", head.Content.Headers.ContentType?.MediaType);
        var live = await LiveClient.OpenAsync(server.Client);
        Assert.Equal(
            "too many clients listen at once: try again later, or raise server:live_clients",
            await server.RefusedAsync(HttpStatusCode.ServiceUnavailable, "/api/live"));
        await live.DisposeAsync();
        HttpResponseMessage? again = null;
        for (var attempt = 0; attempt < 100 && again is not { IsSuccessStatusCode: true }; attempt++)
        {
            again?.Dispose();
            await Task.Delay(100);
            again = await server.Client.GetAsync("/api/live", HttpCompletionOption.ResponseHeadersRead);
        }

        Assert.True(again!.IsSuccessStatusCode);
        again.Dispose();
    }

    private static Tidemark.Readings.ReadingBatch Batch(params (string Sensor, int Minute, double Temperature)[] readings)
    {
        var batch = new Tidemark.Readings.ReadingBatch(["temperature"]);
        foreach (var (sensor, minute, temperature) in readings)
        {
            batch.Add(sensor, Instant.Utc(2026, 11, 22, 10, minute), [temperature]);
        }

        return batch;
    }

    private static async Task WriteAsync(HttpClient client, params (string Sensor, string Time, double Temperature)[] readings)
    {
        var body = new JsonArray([.. readings.Select(r => new JsonObject
        {
            ["sensor_id"] = r.Sensor,
            ["time"] = r.Time,
            ["temperature"] = r.Temperature,
        })]);
        using var answer = await client.PostAsync(
            "/api/readings", new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }
}
