using System.Net;
using Tidemark.Server.Remote;

namespace Tidemark.App.Tests.Http;

/// <summary>What the store suites over HTTP don't see: what a foreign caller may send.</summary>
public sealed class AdminTests
{
    [Theory]
    [InlineData("/api/admin/refresh", "{}", "application/json", 400)]
    [InlineData("/api/admin/refresh", """{"aggregate":null}""", "application/json", 400)]
    [InlineData("/api/admin/refresh", """{"aggregate":"weekly"}""", "application/json", 404)]
    [InlineData("/api/admin/refresh", """{"aggregate":"hourly","range":7}""", "application/json", 400)]
    [InlineData("/api/admin/refresh", "nonsense", "application/json", 400)]
    [InlineData("/api/admin/refresh", """{"aggregate":"hourly"}""", "text/plain", 415)]
    [InlineData("/api/admin/compress", "", "text/plain", 415)]
    [InlineData("/api/admin/retain", "{}", "application/x-www-form-urlencoded", 415)]
    [InlineData("/api/admin/verify", """{"aggregate":"weekly"}""", "application/json", 404)]
    [InlineData("/api/admin/readings", "[]", "application/x-ndjson", 400)]
    [InlineData("/api/admin/readings", """["a",0,1,2]""", "application/x-ndjson", 400)]
    [InlineData("/api/admin/readings", """["a",0,1,2,3,4]""", "application/x-ndjson", 400)]
    [InlineData("/api/admin/readings", """["a",999999999999999999,1,2,3]""", "application/x-ndjson", 400)]
    [InlineData("/api/admin/readings", """["a\u0000",0,1,2,3]""", "application/x-ndjson", 400)]
    [InlineData("/api/admin/readings", """["a",0,1e999,2,3]""", "application/x-ndjson", 400)]
    [InlineData("/api/admin/readings", """["\ud800",0,1,2,3]""", "application/x-ndjson", 400)]
    public async Task Nonsense_is_refused(string path, string body, string type, int status)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.PostAsync(body, type, path);
        await RunningServer.ProblemAsync((HttpStatusCode)status, answer);
    }

    [Fact]
    public async Task Readings_of_another_Tidemark_keep_to_the_settings_of_the_server()
    {
        await using var server = await RunningServer.StartAsync(
            ("metrics:0:name", "wind"), ("metrics:0:min", "0"),
            ("oldest_time", "2026-01-01T00:00:00Z"), ("max_skew", "1min"), ("max_sensors", "1"));
        await using var store = await HttpTelemetryStore.ConnectAsync(server.Address, null, CancellationToken.None);
        var batch = new ReadingBatch(["wind"]);
        batch.Add("a", Instant.Utc(2025, 12, 31), [1]);
        batch.Add("a", Instant.Utc(2026, 11, 22), [2]);
        batch.Add("a", Instant.Utc(2026, 11, 22, 10, 32), [3]);
        batch.Add("b", Instant.Utc(2026, 11, 22), [4]);
        batch.Add("a", Instant.Utc(2026, 11, 22), [-1]);
        var result = await store.WriteAsync(batch, CancellationToken.None);
        Assert.Equal((1, 4), (result.Written, result.Refused));
        Assert.Equal(
            [
                "0 time 2025-12-31T00:00:00Z is before 2026-01-01T00:00:00Z, the setting oldest_time: check the clock, or set it earlier",
                "2 time 2026-11-22T10:32:00Z is more than 60 s ahead of the server's clock",
                "3 the sensor is new, and the store has as many sensors as the setting max_sensors allows",
                "4 wind -1 is outside 0 to ",
            ],
            result.Refusals!.Select(r => $"{r.Row} {r.Error}"));
        Assert.Equal(2, (await server.GetAsync("/api/sensors/a/current"))["wind"]!.GetValue<double>());
    }

    [Theory]
    [InlineData("/api/admin/raw", 400)]
    [InlineData("/api/admin/raw?from=x&to=0", 400)]
    [InlineData("/api/admin/raw?from=0&to=9223372036854775807", 400)]
    [InlineData("/api/admin/raw?from=0&to=1&sensor_id=a", 404)]
    [InlineData("/api/admin/aggregates/weekly?from=0&to=1", 404)]
    [InlineData("/api/admin/fleet/hourly?from=0&to=1&metric=wind", 400)]
    [InlineData("/api/admin/current", 400)]
    public async Task Nonsense_is_not_read(string path, int status)
    {
        await using var server = await RunningServer.StartAsync();
        await server.RefusedAsync((HttpStatusCode)status, path);
    }

    [Fact]
    public async Task A_configured_schema_comes_over_whole()
    {
        await using var server = await RunningServer.StartAsync(
            ("metrics:0:name", "wind"), ("metrics:0:unit", "m/s"), ("metrics:0:min", "0"),
            ("aggregates:0:name", "quarter"), ("aggregates:0:bucket", "15 minutes"), ("aggregates:2:retention", "90d"),
            ("aggregates:1:name", "yearly"), ("aggregates:1:bucket", "1 year"),
            ("aggregates:2:name", "gusts"), ("aggregates:2:bucket", "1 day"), ("aggregates:2:bucket_column", "day"),
            ("aggregates:2:columns:wind_range", "max(wind) - min(wind)"));
        await using var store = await HttpTelemetryStore.ConnectAsync(server.Address, null, CancellationToken.None);
        var (here, there) = (store.Schema, server.Store.Schema);
        Assert.Equal(there.Metrics, here.Metrics);
        Assert.Equal(there.Aggregates.Select(Text), here.Aggregates.Select(Text));
        Assert.Equal(there.Finest.Name, here.Finest.Name);

        await server.WriteAsync("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","wind":3}""");
        var gusts = await server.GetAsync("/api/sensors/a/gusts");
        Assert.Equal(0, gusts["data"]![0]!["wind_range"]!.GetValue<double>());
        Assert.Equal("1m", gusts["period"]!.GetValue<string>());
        Assert.Equal("12y", (await server.GetAsync("/api/sensors/a/yearly"))["period"]!.GetValue<string>());

        static string Text(AggregateDefinition a)
            => $"{a.Name} {a.Table} {a.BucketColumn} {a.Bucket} {a.Source} {string.Join(",", a.Columns(["wind"]))} "
                + $"{string.Join(",", a.ExtraColumns)} {a.Retention}";
    }
}
