using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Generation;
using Tidemark.Server.Hosting;

namespace Tidemark.App.Tests.Cli;

public sealed class ClientTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_asks_every_endpoint_compares_and_draws()
    {
        await using var store = await OpenAsync();
        await FillAsync(store);
        await using var server = await ServeAsync(store);
        var result = JsonDocument.Parse(await _folder.SucceedAsync("client", "--port", Port(server), "--json", "--chart", "chart.svg"))
            .RootElement;

        Assert.Equal(
            ["/api/health", "/api/sensors", "/api/sensors/sensor_001/current", "/api/sensors/sensor_001/raw?period=1d",
            "/api/sensors/sensor_001/hourly?period=1w", "/api/sensors/sensor_001/daily?period=1m",
            "/api/sensors/sensor_001/monthly?period=1y", "/api/stats/performance?sensor_id=sensor_001"],
            result.GetProperty("endpoints").EnumerateArray().Select(e => e.GetProperty("path").GetString()));
        Assert.All(result.GetProperty("endpoints").EnumerateArray(), e => Assert.Equal(200, e.GetProperty("status").GetInt32()));
        var queries = result.GetProperty("queries").EnumerateArray().ToList();
        Assert.Equal(["hourly", "daily"], queries.Select(q => q.GetProperty("aggregation").GetString()));
        Assert.All(queries, q => Assert.Equal(0, q.GetProperty("differences").GetInt32()));
        Assert.InRange(queries[0].GetProperty("data_points").GetInt32(), (2 * 24) - 1, (2 * 24) + 1);
        Assert.Equal(XName.Get("svg", "http://www.w3.org/2000/svg"), XDocument.Load(Path.Combine(_folder.Path, "chart.svg")).Root!.Name);

        var output = await _folder.SucceedAsync("client", "--port", Port(server));
        Assert.Contains("/api/sensors/sensor_001/raw?period=1d", output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^ *Query 1, raw [\d.]+ ms +█+ *$", output);
        Assert.Matches(@"(?m)^ *Query 2, aggregate [\d.]+ ms +█* *$", output);
        var chart = output[output.IndexOf("Query 1, raw", StringComparison.Ordinal)..].Split('\n');
        Assert.All(chart, line => Assert.InRange(line.Length, 0, 80));
        Assert.Contains("agree", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_what_retention_has_left_raw_is_compared()
    {
        await using var store = await OpenAsync(TimeSpan.FromHours(30));
        await FillAsync(store);
        await store.RetainAsync(CancellationToken.None);
        Assert.NotNull(await store.ReadRawHorizonAsync(CancellationToken.None));
        await using var server = await ServeAsync(store);
        var output = await _folder.SucceedAsync("client", "--port", Port(server));
        Assert.Matches(@"(?m)^Query 1: .* agree from \S+Z on\s*$", output);
        await server.StopAsync();
        await store.DisposeAsync();
        _folder.Write("tidemark.json", """{ "chunk_interval": "1h", "retention": "30h" }""");
        var result = await _folder.RunAsync("export", "raw", "--output", "raw.csv");
        Assert.Matches(@"^retention has dropped the readings before \S+Z: the export begins there\n$", result.Error);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task Aggregates_that_wait_for_a_refresh_are_found_to_differ()
    {
        await using var store = await OpenAsync();
        await FillAsync(store);
        var late = new ReadingBatch(store.Schema.MetricNames);
        late.Add("sensor_001", Instant.From(DateTimeOffset.UtcNow.AddDays(-1)), [99, 99, 99]);
        await store.WriteAsync(late, CancellationToken.None);
        await using var server = await ServeAsync(store, refresh: false);
        var result = await _folder.RunAsync("client", "--port", Port(server));
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            "tidemark: raw readings and hourly, daily differ: late readings may wait for tidemark refresh; tidemark verify finds out\n",
            result.Error);
    }

    [Fact]
    public async Task A_server_without_readings_is_said_in_one_line()
    {
        await using var store = await OpenAsync();
        await using var server = await ServeAsync(store);
        var result = await _folder.RunAsync("client", "--port", Port(server));
        Assert.Equal(
            (1, "tidemark: the store has no readings yet: write some with tidemark generate or tidemark import\n"),
            (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task No_server_is_said_in_one_line()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        taken.Stop();
        var result = await _folder.RunAsync("client", "--port", $"{port}");
        Assert.Equal($"tidemark: no server answers at http://127.0.0.1:{port}: start one with tidemark serve, or say where it is with "
            + "--host and --port\n", result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task Another_server_is_said_in_one_line()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answer = AnswerAsync(listener);
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var result = await _folder.RunAsync("client", "--host", "localhost", "--port", $"{port}");
        await answer;
        Assert.Equal(
            $"tidemark: what answers at http://localhost:{port} is not a Tidemark server: say where one is with --host and --port\n",
            result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Theory]
    [InlineData("--port 0", "--port '0' is not a whole number from 1 to 65535")]
    [InlineData("--host a/b", "--host 'a/b' is not a host name or address, such as 127.0.0.1")]
    [InlineData("--chart chart.gif", "--chart 'chart.gif' ends neither in .svg nor in .png")]
    public async Task Wrong_usage_is_one_line(string arguments, string message)
    {
        var result = await _folder.RunAsync(["client", .. arguments.Split(' ')]);
        Assert.Equal((2, $"tidemark: {message}; see tidemark client --help\n"), (result.ExitCode, result.Error));
    }

    private async Task<ITelemetryStore> OpenAsync(TimeSpan? retention = null)
    {
        var options = new DuckDbOptions { Folder = _folder.Data, Schema = Options(true).Schema };
        options = retention is null ? options : options with { Retention = retention, ChunkInterval = TimeSpan.FromHours(1) };
        var store = await DuckDbStore.OpenAsync(options, CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        return store;
    }

    private static async Task FillAsync(ITelemetryStore store)
    {
        var now = Instant.From(DateTimeOffset.UtcNow);
        var generator = new Generator(store.Schema, new GeneratorPlan { Sensors = 3, Interval = TimeSpan.FromMinutes(1) });
        foreach (var batch in generator.Readings(now - TimeSpan.FromDays(2), now, 100_000))
        {
            await store.WriteAsync(batch, CancellationToken.None);
        }

        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, CancellationToken.None);
        }
    }

    private static TidemarkOptions Options(bool refresh)
        => OptionsLoader.Load(null, [new("server:urls", "http://127.0.0.1:0"), new("schedule:refresh", refresh ? null : "never")]);

    private static async Task<WebApplication> ServeAsync(ITelemetryStore store, bool refresh = true)
    {
        var server = TidemarkServer.Create(Options(refresh), store);
        await server.StartAsync();
        return server;
    }

    private static string Port(WebApplication server) => new Uri(server.Urls.Single()).Port.ToString(CultureInfo.InvariantCulture);

    private static async Task AnswerAsync(TcpListener listener)
    {
        using var client = await listener.AcceptTcpClientAsync();
        await client.GetStream().ReadExactlyAsync(new byte[16]);
        await client.GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"));
    }
}
