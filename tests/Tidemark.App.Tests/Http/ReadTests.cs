using System.Globalization;
using System.Text.Json.Nodes;
using Tidemark.Generation;

namespace Tidemark.App.Tests.Http;

/// <summary>40 days of two sensors, a reading every ten minutes up to now.</summary>
public sealed class ReadServer : IAsyncLifetime
{
    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await RunningServer.StartAsync();
        var generator = new Generator(Server.Store.Schema, new GeneratorPlan { Sensors = 2, Interval = TimeSpan.FromMinutes(10) });
        var now = Instant.From(Server.Clock.GetUtcNow());
        foreach (var batch in generator.Readings(now - TimeSpan.FromDays(40), now, 5000))
        {
            await Server.Store.WriteAsync(batch, CancellationToken.None);
        }

        await Server.RefreshAsync();
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

public sealed class ReadTests(ReadServer fixture) : IClassFixture<ReadServer>
{
    private readonly RunningServer _server = fixture.Server;

    private static string[] Members(JsonNode node) => [.. node.AsObject().Select(m => m.Key)];

    private static Instant Time(JsonNode? node)
    {
        Assert.True(Instant.TryParse(node!.GetValue<string>(), out var time));
        return time;
    }

    [Fact]
    public async Task Health_tells_the_time()
    {
        var health = await _server.GetAsync("/api/health");
        Assert.Equal(
            """{"status":"healthy","service":"tidemark","timestamp":"2026-11-22T10:30:00Z","maintenance":{"state":"ok","problems":[]}}""",
            health.ToJsonString());
    }

    [Fact]
    public async Task The_index_names_every_view()
    {
        var index = await _server.GetAsync("/");
        Assert.Equal("tidemark", index["service"]!.GetValue<string>());
        var endpoints = index["endpoints"]!.AsArray().Select(e => e!.GetValue<string>()).ToList();
        Assert.Contains("/api/sensors/{id}/hourly?period=1w", endpoints);
        Assert.Contains("/docs", endpoints);
    }

    [Fact]
    public async Task Sensors_are_listed_by_id_with_their_last_reading_and_total()
    {
        var answer = await _server.GetAsync("/api/sensors");
        Assert.Equal(
            """{"sensors":[{"sensor_id":"sensor_001","last_reading":"2026-11-22T10:30:00Z","total_readings":5761},"""
                + """{"sensor_id":"sensor_002","last_reading":"2026-11-22T10:30:00Z","total_readings":5761}],"count":2}""",
            answer.ToJsonString());
    }

    [Fact]
    public async Task Current_is_the_last_reading()
    {
        var current = await _server.GetAsync("/api/sensors/sensor_001/current");
        Assert.Equal(["time", "sensor_id", "temperature", "humidity", "pressure"], Members(current));
        Assert.Equal("2026-11-22T10:30:00Z", current["time"]!.GetValue<string>());
        Assert.InRange(current["temperature"]!.GetValue<double>(), 15, 35);
    }

    [Fact]
    public async Task Raw_gives_a_day_unless_asked_otherwise()
    {
        var raw = await _server.GetAsync("/api/sensors/sensor_001/raw");
        Assert.Equal(["sensor_id", "period", "data", "data_points", "query_time_ms", "data_from"], Members(raw));
        Assert.Equal("1d", raw["period"]!.GetValue<string>());
        Assert.Equal(144, raw["data_points"]!.GetValue<int>());
        var rows = raw["data"]!.AsArray();
        Assert.Equal(144, rows.Count);
        Assert.Equal(["time", "temperature", "humidity", "pressure"], Members(rows[0]!));
        Assert.Equal("2026-11-21T10:40:00Z", rows[0]!["time"]!.GetValue<string>());
        Assert.Equal("2026-11-22T10:30:00Z", rows[^1]!["time"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("hourly", "1w", 168, "2026-11-15T11:00:00Z", "2026-11-22T10:00:00Z")]
    [InlineData("daily", "1m", 31, "2026-10-23T00:00:00Z", "2026-11-22T00:00:00Z")]
    [InlineData("monthly", "1y", 2, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")]
    public async Task An_aggregate_gives_its_default_period_with_the_live_tail(
        string aggregate,
        string period,
        int count,
        string first,
        string watermark)
    {
        var answer = await _server.GetAsync($"/api/sensors/sensor_002/{aggregate}");
        Assert.Equal(
            ["sensor_id", "period", "aggregation", "watermark", "pending", "data", "data_points", "query_time_ms"],
            Members(answer));
        Assert.Equal(
            ("sensor_002", period, aggregate),
            (answer["sensor_id"]!.GetValue<string>(), answer["period"]!.GetValue<string>(), answer["aggregation"]!.GetValue<string>()));
        Assert.Equal(watermark, answer["watermark"]!.GetValue<string>());
        Assert.False(answer["pending"]!.GetValue<bool>());
        var rows = answer["data"]!.AsArray();
        Assert.Equal((count, count), (rows.Count, answer["data_points"]!.GetValue<int>()));
        Assert.Equal(
            [
                "time", "avg_temperature", "min_temperature", "max_temperature", "avg_humidity", "min_humidity", "max_humidity",
                "avg_pressure", "min_pressure", "max_pressure", "reading_count",
            ],
            Members(rows[0]!));
        Assert.Equal(first, rows[0]!["time"]!.GetValue<string>());
        Assert.True(Time(rows[^1]!["time"]) >= Time(answer["watermark"]), "the bucket that is not closed yet is there");
    }

    [Fact]
    public async Task Hours_are_what_raw_readings_average_to()
    {
        const string Range = "from=2026-11-20T05:00:00Z&to=2026-11-20T06:00:00Z";
        var raw = (await _server.GetAsync($"/api/sensors/sensor_001/raw?{Range}"))["data"]!.AsArray();
        var hour = (await _server.GetAsync($"/api/sensors/sensor_001/hourly?{Range}"))["data"]!.AsArray().Single()!;
        var humidity = raw.Select(r => r!["humidity"]!.GetValue<double>()).ToList();
        Assert.Equal(6, hour["reading_count"]!.GetValue<int>());
        Assert.Equal(humidity.Average(), hour["avg_humidity"]!.GetValue<double>(), 1e-9);
        Assert.Equal(
            (humidity.Min(), humidity.Max()),
            (hour["min_humidity"]!.GetValue<double>(), hour["max_humidity"]!.GetValue<double>()));
    }

    [Theory]
    [InlineData("from=2026-11-20T00:00:00Z&to=2026-11-20T01:00:00Z", 6)]
    [InlineData("from=2026-11-20T01:00:00%2B01:00&to=2026-11-20T02:00:00%2B01:00", 6)]
    [InlineData("from=1795132800000&to=1795136400000", 6)]
    [InlineData("from=2026-11-22T09:30:00Z", 7)]
    [InlineData("period=2h", 12)]
    public async Task A_range_may_be_given_in_several_ways(string query, int count)
    {
        var answer = await _server.GetAsync($"/api/sensors/sensor_001/raw?{query}");
        Assert.Equal(count, answer["data_points"]!.GetValue<int>());
        Assert.Equal(query.StartsWith("period", StringComparison.Ordinal), answer["period"] is not null);
        Assert.Equal(query.StartsWith("from", StringComparison.Ordinal), answer["from"] is not null);
    }

    [Fact]
    public async Task A_known_sensor_without_rows_in_the_range_is_an_empty_answer()
    {
        var answer = await _server.GetAsync("/api/sensors/sensor_001/hourly?from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z");
        Assert.Equal(0, answer["data_points"]!.GetValue<int>());
        Assert.Empty(answer["data"]!.AsArray());
    }

    [Theory]
    [InlineData("aggregate"), InlineData("raw")]
    public async Task The_fleet_is_averaged_over_all_sensors(string source)
    {
        var answer = await _server.GetAsync(
            $"/api/fleet/daily?metric=pressure&from=2026-11-10T00:00:00Z&to=2026-11-12T00:00:00Z&source={source}");
        string[] ofRaw = source == "raw" ? ["data_from"] : [];
        Assert.Equal(
            ["aggregation", "metric", "source", "period", "from", "to", "data", "data_points", "query_time_ms", .. ofRaw],
            Members(answer));
        Assert.Equal(source, answer["source"]!.GetValue<string>());
        var rows = answer["data"]!.AsArray();
        Assert.Equal(2, rows.Count);
        Assert.Equal(["time", "average", "reading_count"], Members(rows[0]!));
        Assert.Equal(288, rows[0]!["reading_count"]!.GetValue<int>());
        Assert.InRange(rows[0]!["average"]!.GetValue<double>(), 980, 1020);
    }

    [Theory]
    [InlineData("?sensor_id=sensor_002", "sensor_002"), InlineData("", "sensor_001")]
    public async Task Performance_really_runs_both_queries(string query, string sensor)
    {
        var answer = await _server.GetAsync($"/api/stats/performance{query}");
        Assert.Equal(
            ["sensor_id", "period", "raw_query", "aggregate_query", "data_from", "speedup", "improvement_percent"],
            Members(answer));
        Assert.Equal((sensor, "7 days"), (answer["sensor_id"]!.GetValue<string>(), answer["period"]!.GetValue<string>()));
        Assert.Equal(168, answer["raw_query"]!["data_points"]!.GetValue<int>());
        Assert.Equal(168, answer["aggregate_query"]!["data_points"]!.GetValue<int>());
        var (raw, aggregate) = (answer["raw_query"]!["time_ms"]!.GetValue<double>(), answer["aggregate_query"]!["time_ms"]!
            .GetValue<double>());
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{raw / aggregate:0.0}x"), answer["speedup"]!.GetValue<string>());
        Assert.Equal(Math.Round(100 * (1 - (aggregate / raw)), 1), answer["improvement_percent"]!.GetValue<double>(), 0.1);
    }

    [Fact]
    public async Task Status_tells_what_the_store_holds()
    {
        var status = await _server.GetAsync("/api/status");
        Assert.Equal(11522, status["hypertables"]![0]!["rows"]!.GetValue<int>());
        Assert.Equal(status["hypertables"]![0]!["chunks"]!.GetValue<int>(), status["chunks"]!.AsArray().Count);
        Assert.Equal(["from", "to"], Members(status["chunks"]![0]!["range"]!));
        Assert.Equal(["hourly", "daily", "monthly"], status["aggregates"]!.AsArray().Select(a => a!["name"]!.GetValue<string>()));
        Assert.Equal(["refresh", "compress", "retain"], status["jobs"]!.AsArray().Select(j => j!["name"]!.GetValue<string>()));
        Assert.Equal("2026-11-22T10:31:00Z", status["jobs"]![0]!["next_run"]!.GetValue<string>());
        Assert.Equal(2, status["sensors"]!.GetValue<int>());
    }
}
