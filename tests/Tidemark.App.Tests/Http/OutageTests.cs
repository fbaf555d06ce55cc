using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Remote;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Http;

public sealed class OutageTests
{
    [Fact]
    public async Task A_store_that_is_down_is_503_with_retry_after_and_unhealthy()
    {
        await using var origin = await RunningServer.StartAsync();
        await using var server = await origin.StartBehindAsync();
        Assert.Equal("healthy", (await server.GetAsync("/api/health"))["status"]!.GetValue<string>());
        await origin.AbortAsync();
        var line = $"no server answers at {origin.Address.GetLeftPart(UriPartial.Authority)}; start one with: tidemark serve";

        // A connection that breaks while it is asked says so in other words.
        var told = "the connection to";
        for (var i = 0; told.StartsWith("the connection to", StringComparison.Ordinal) && i < 100; i++)
        {
            using var health = await server.Client.GetAsync("/api/health");
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "5"), (health.StatusCode, health.Headers.RetryAfter?.ToString()));
            var answer = JsonNode.Parse(await health.Content.ReadAsStringAsync())!;
            Assert.Equal("unhealthy", answer["status"]!.GetValue<string>());
            told = answer["error"]!.GetValue<string>();
        }

        Assert.Equal(line, told);

        using var sensors = await server.Client.GetAsync("/api/sensors");
        Assert.Equal("5", sensors.Headers.RetryAfter?.ToString());
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, sensors);
        Assert.Equal((line, "unavailable"), (problem["error"]!.GetValue<string>(), problem["kind"]!.GetValue<string>()));

        using var write = await server.PostAsync("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z"}""");
        await RunningServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, write);
    }

    [Fact]
    public async Task Jobs_run_on_their_schedule_and_a_failure_does_not_end_them()
    {
        await using var origin = await RunningServer.StartAsync();
        await origin.WriteAsync("""{"sensor_id":"a","time":"2026-11-22T08:00:00Z","temperature":21}""");
        await using var server = await origin.StartBehindAsync(("schedule:compress", "0 11 * * *"), ("schedule:retain", "never"));
        // The store's own jobs, here those of the first server, stand before those of the server asked.
        var jobs = (await server.GetAsync("/api/status"))["jobs"]!.AsArray().Skip(3);
        Assert.Equal(
            ["refresh * * * * * 2026-11-22T10:31:00Z 0 ", "compress 0 11 * * * 2026-11-22T11:00:00Z 0 "],
            jobs.Select(j => $"{j!["name"]} {j["schedule"]} {j["next_run"]} {j["failures"]} {j["last_run"]}"));

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        var job = await RunAsync(server, "2026-11-22T10:32:00Z");
        Assert.Equal("2026-11-22T10:31:00Z", job.LastRun?.ToString());
        Assert.Equal(("hourly 1 rows, daily 0 rows, monthly 0 rows", 0L), (job.LastOutcome, job.Failures));
        Assert.Equal("2026-11-22T09:00:00Z", (await server.GetAsync("/api/sensors/a/hourly"))["watermark"]!.GetValue<string>());

        await origin.AbortAsync();
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, (await RunAsync(server, "2026-11-22T10:33:00Z")).Failures);
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        job = await RunAsync(server, "2026-11-22T10:34:00Z");
        Assert.Equal(2, job.Failures);
        Assert.StartsWith("failed: no server answers at http://127.0.0.1:", job.LastOutcome);
    }

    [Fact]
    public async Task The_schedule_follows_a_clock_that_is_put_back_and_late_readings_are_refreshed()
    {
        TestLength.SkipUnlessShare();
        await using var server = await RunningServer.StartAsync(
            ("schedule:refresh", "*/5 * * * *"),
            ("schedule:compress", "never"),
            ("schedule:retain", "never"));
        await server.WriteAsync("{\"sensor_id\":\"a\",\"time\":\"2026-11-22T10:10:00Z\",\"temperature\":21}");

        // Two hours ahead: the hour is closed too early.
        server.Clock.AdjustTime(server.Clock.GetUtcNow() + TimeSpan.FromHours(2));
        Assert.Equal("2026-11-22T12:30:00Z", (await RunAsync(server, "2026-11-22T12:35:00Z")).LastRun?.ToString());
        Assert.Equal("2026-11-22T11:00:00Z", (await server.GetAsync("/api/sensors/a/hourly"))["watermark"]!.GetValue<string>());

        server.Clock.AdjustTime(server.Clock.GetUtcNow() - TimeSpan.FromHours(2));
        var health = (await server.GetAsync("/api/health"))["maintenance"]!;
        Assert.Equal("late", health["state"]!.GetValue<string>());
        Assert.Equal(
            "hourly is materialised ahead of the clock, to 2026-11-22T11:00:00Z",
            Assert.Single(health["problems"]!.AsArray())!.GetValue<string>());
        var aggregates = (await server.GetAsync("/api/status"))["aggregates"]!.AsArray();
        Assert.Equal(["hourly"], aggregates.Where(a => a!["ahead_of_clock"]!.GetValue<bool>()).Select(a => a!["name"]!.GetValue<string>()));
        await RunAsync(server, "2026-11-22T10:35:00Z");

        // What comes in the bucket that is closed already counts as late, and the next run takes it in.
        await server.WriteAsync("{\"sensor_id\":\"a\",\"time\":\"2026-11-22T10:20:00Z\",\"temperature\":23}");
        server.Clock.Advance(TimeSpan.FromMinutes(5));
        await RunAsync(server, "2026-11-22T10:40:00Z");
        var answer = await server.GetAsync("/api/sensors/a/hourly?from=2026-11-22T10:00:00Z&to=2026-11-22T11:00:00Z");
        Assert.Equal((2, false), (answer["data"]![0]!["reading_count"]!.GetValue<int>(), answer["pending"]!.GetValue<bool>()));
    }

    [Fact]
    public async Task A_job_that_a_stepped_clock_makes_due_runs_within_a_minute_and_is_told_as_stopped_until_then()
    {
        TestLength.SkipUnlessShare();
        await using var server = await RunningServer.StartAsync(
            ("schedule:refresh", "44 * * * *"), ("schedule:compress", "never"), ("schedule:retain", "never"));

        // Nine minutes forward, to just before the time: the timer still has all of them to go.
        server.Clock.Advance(TimeSpan.FromSeconds(279));
        server.Clock.AdjustTime(server.Clock.GetUtcNow() + TimeSpan.FromMinutes(9));
        server.Clock.Advance(TimeSpan.FromSeconds(83));
        Assert.Equal("2026-11-22T10:45:02Z", (await server.GetAsync("/api/health"))["timestamp"]!.GetValue<string>());
        Assert.Equal("2026-11-22T10:45:02Z", (await RunAsync(server, "2026-11-22T11:44:00Z")).LastRun?.ToString());

        // What is due and doesn't run says so, until the clock is looked at.
        server.Clock.AdjustTime(server.Clock.GetUtcNow() + TimeSpan.FromHours(1));
        Assert.Equal(
            """{"state":"late","problems":["refresh has stopped"]}""",
            (await server.GetAsync("/api/health"))["maintenance"]!.ToJsonString());
        var job = (await server.GetAsync("/api/status"))["jobs"]![0]!;
        Assert.Equal(
            ("stopped", "stopped: it was due at 2026-11-22T11:44:00Z"),
            (job["state"]!.GetValue<string>(), job["last_outcome"]!.GetValue<string>()));
        await RunAsync(server, "2026-11-22T12:44:00Z");
        Assert.Equal("""{"state":"ok","problems":[]}""", (await server.GetAsync("/api/health"))["maintenance"]!.ToJsonString());
    }

    /// <summary>Waits until the first job's next run is the given one.</summary>
    private static async Task<JobStatus> RunAsync(RunningServer server, string nextRun)
    {
        var scheduler = (Scheduler)server.App.Services.GetService(typeof(Scheduler))!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (scheduler.Jobs[0].NextRun?.ToString() != nextRun)
        {
            await Task.Delay(10, patience.Token);
        }

        return scheduler.Jobs[0];
    }

    [Theory]
    [InlineData("http://127.0.0.1:5000", null),
        InlineData("http://localhost:5000;http://[::1]:5000", null),
        InlineData("http://127.1.2.3:80", null)]
    [InlineData("http://0.0.0.0:5000", "http://0.0.0.0:5000 can be reached from other machines and nothing would guard it: make a key "
        + "with tidemark key add, use http://127.0.0.1:5000, or --insecure if that is meant")]
    [InlineData("http://127.0.0.1:5000;http://*:5001", "http://*:5001 can be reached from other machines and nothing would guard it: make "
        + "a key with tidemark key add, use http://127.0.0.1:5001, or --insecure if that is meant")]
    [InlineData("http://[::]:5000", "http://[::]:5000 can be reached from other machines and nothing would guard it: make a key with "
        + "tidemark key add, use http://127.0.0.1:5000, or --insecure if that is meant")]
    [InlineData("http://example.org:5000", "http://example.org:5000 can be reached from other machines and nothing would guard it: make a "
        + "key with tidemark key add, use http://127.0.0.1:5000, or --insecure if that is meant")]
    public void Addresses_beyond_this_machine_need_to_be_asked_for(string urls, string? line)
    {
        var options = new ServerOptions { Urls = urls };
        var error = Record.Exception(() => TidemarkServer.RefuseOpenAddress(options, new MqttOptions(), insecure: false));
        Assert.Equal(line, error?.Message);
        TidemarkServer.RefuseOpenAddress(new ServerOptions { Urls = urls }, new MqttOptions(), insecure: true);
    }

    [Theory]
    [InlineData(""), InlineData("nonsense"), InlineData("ftp://127.0.0.1"), InlineData("http://"), InlineData("http://127.0.0.1:x")]
    public void Malformed_addresses_are_refused_in_one_line(string urls)
    {
        var error = Assert.Throws<AddressException>(
            () => TidemarkServer.RefuseOpenAddress(new ServerOptions { Urls = urls }, new MqttOptions(), insecure: true));
        Assert.DoesNotContain("\n", error.Message);
    }

    [Fact]
    public async Task Connecting_to_nobody_is_unavailable_and_to_something_else_is_not_a_store()
    {
        await using var server = await RunningServer.StartAsync();
        var nobody = server.Address;
        await server.AbortAsync();
        var refused = await Assert.ThrowsAsync<StoreException>(() => HttpTelemetryStore.ConnectAsync(nobody, null, CancellationToken.None));
        Assert.Equal(
            (StoreErrorKind.Unavailable, $"no server answers at {nobody.GetLeftPart(UriPartial.Authority)}; start one with: "
                + "tidemark serve"),
            (refused.Kind, refused.Message));

        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var other = new Uri($"http://{listener.LocalEndpoint}");
        var connecting = HttpTelemetryStore.ConnectAsync(other, null, CancellationToken.None);
        using (var client = await listener.AcceptTcpClientAsync())
        {
            await client.GetStream()
                .WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"u8.ToArray());
            var error = await Assert.ThrowsAsync<StoreException>(() => connecting);
            Assert.Equal(
                (StoreErrorKind.NotAStore, $"what answers at http://{listener.LocalEndpoint} is not a Tidemark server"),
                (error.Kind, error.Message));
        }
    }
}
