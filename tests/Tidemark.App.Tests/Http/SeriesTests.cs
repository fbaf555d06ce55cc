using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

public sealed class SeriesTests(ReadServer fixture) : IClassFixture<ReadServer>
{
    private readonly RunningServer _server = fixture.Server;

    [Fact]
    public async Task Columns_hold_what_the_aggregates_own_answer_holds()
    {
        var plain = await _server.GetAsync("/api/sensors/sensor_001/hourly?period=1w");
        var answer = await _server.GetAsync("/api/series?sensors=sensor_001&bucket=hourly&fn=avg,min,max&period=1w");
        Assert.Equal(
            ["period", "source", "bucket", "tz", "series", "data_points"],
            answer.AsObject().Select(m => m.Key));
        Assert.Equal(
            ("1w", "hourly", "1 hour", "UTC"),
            (Text(answer["period"]), Text(answer["source"]), Text(answer["bucket"]), Text(answer["tz"])));
        var series = Assert.Single(answer["series"]!.AsArray())!;
        Assert.Equal(
            ["sensor_id", "watermark", "pending", "complete", "data_from", "time", "values", "reading_count"],
            series.AsObject().Select(m => m.Key));
        Assert.Equal(
            ("sensor_001", Text(plain["watermark"]), false, true, null),
            (Text(series["sensor_id"]), Text(series["watermark"]), Flag(series["pending"]), Flag(series["complete"]), series["data_from"]));
        var rows = plain["data"]!.AsArray();
        Assert.Equal(rows.Count, answer["data_points"]!.GetValue<int>());
        Assert.Equal(Column(rows, "time"), Texts(series["time"]!));
        Assert.Equal(Column(rows, "reading_count"), Texts(series["reading_count"]!));
        Assert.Equal(
            rows[0]!.AsObject().Select(m => m.Key).Where(k => k is not ("time" or "reading_count")),
            series["values"]!.AsObject().Select(m => m.Key));
        foreach (var (name, values) in series["values"]!.AsObject())
        {
            Assert.Equal(Column(rows, name), Texts(values!));
        }
    }

    [Fact]
    public async Task Readings_hold_what_the_raw_answer_holds()
    {
        var rows = (await _server.GetAsync("/api/sensors/sensor_002/raw?period=2d&metrics=humidity,temperature"))["data"]!.AsArray();
        var answer = await _server.GetAsync("/api/series?sensors=sensor_002&bucket=raw&period=2d&metrics=humidity,temperature");
        Assert.Equal(("raw", "raw"), (Text(answer["source"]), Text(answer["bucket"])));
        var series = Assert.Single(answer["series"]!.AsArray())!;
        Assert.Equal(288, rows.Count);
        Assert.Null(series["watermark"]);
        Assert.False(series.AsObject().ContainsKey("reading_count"));
        Assert.Equal(["humidity", "temperature"], series["values"]!.AsObject().Select(m => m.Key));
        Assert.Equal(Column(rows, "time"), Texts(series["time"]!));
        Assert.Equal(Column(rows, "humidity"), Texts(series["values"]!["humidity"]!));
        Assert.Equal(Column(rows, "temperature"), Texts(series["values"]!["temperature"]!));
    }

    [Theory]
    [InlineData("period=1y", "points=400", "daily"),
        InlineData("period=1y", "points=20", "monthly"),
        InlineData("period=1w", "points=200", "hourly"),
        InlineData("period=1d", "points=200", "raw")]
    public async Task Without_a_bucket_the_finest_is_taken_that_keeps_within_the_points(string range, string points, string source)
    {
        var answer = await _server.GetAsync($"/api/series?sensors=sensor_001&{range}&{points}");
        Assert.Equal(source, Text(answer["source"]));
        Assert.InRange(answer["data_points"]!.GetValue<int>(), 1, int.Parse(points.Split('=')[1], CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("sensor_002,sensor_001", "sensor_002 sensor_001"),
        InlineData("*", "sensor_001 sensor_002"),
        InlineData("sensor_*", "sensor_001 sensor_002"),
        InlineData("sensor_002,*", "sensor_002 sensor_001"),
        InlineData("sensor_001,sensor_001", "sensor_001"),
        InlineData("kitchen*", "")]
    public async Task Sensors_are_named_or_matched_by_their_beginnings(string sensors, string found)
    {
        var answer = await _server.GetAsync($"/api/series?sensors={sensors}&bucket=daily&period=1w");
        Assert.Equal(found, string.Join(' ', answer["series"]!.AsArray().Select(s => Text(s!["sensor_id"]))));
    }

    [Fact]
    public async Task Times_are_taken_and_given_as_epoch_milliseconds_too()
    {
        var from = Instant.Utc(2026, 11, 20).EpochMillis;
        var to = Instant.Utc(2026, 11, 21).EpochMillis;
        var answer = await _server.GetAsync($"/api/series?sensors=sensor_001&bucket=hourly&from={from}&to={to}&time_format=ms");
        Assert.Equal(
            (null, "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
            (answer["period"], Text(answer["from"]), Text(answer["to"])));
        Assert.Equal(
            Enumerable.Range(0, 24).Select(h => from + (h * 3_600_000)),
            answer["series"]![0]!["time"]!.AsArray().Select(t => t!.GetValue<long>()));
    }

    [Fact]
    public async Task Every_fault_is_named_at_once()
    {
        using var answer = await _server.Client.GetAsync(
            "/api/series?period=1x&bucket=fortnight&points=0&fn=avg,median&tz=Mars/Olympus&fill=zero&lookback=1m&downsample=all&format=xml"
                + "&time_format=s&metrics=A");
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
        var errors = problem["errors"]!.AsArray().Select(e => Text(e)!).ToList();
        string[] begun =
        [
            "format 'xml' is not one of json, rows, csv, ndjson, arrow, parquet",
            "time_format 's' is not rfc3339 or ms",
            "period '1x' is not",
                        "metrics 'A' is not a list of metrics",
            "bucket 'fortnight' is not auto, raw, an aggregate's name,",
            "points '0' is not a whole number from 1 to 100000",
            "fn 'median' is not avg, min,",
            "tz 'Mars/Olympus' is not a time zone",
            "fill 'zero' is not none, null, previous or linear",
            "lookback '1m' is not a whole number and s, min, h, d or w",
            "downsample 'all' is not none, lttb or minmax",
            "sensors names none; give ids",
        ];
        Assert.Equal(begun.Length, errors.Count);
        Assert.All(begun.Zip(errors), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("sensors=none", HttpStatusCode.NotFound, "there is no sensor 'none'"),
        InlineData("sensors=sensor_001,none", HttpStatusCode.NotFound, "there is no sensor 'none'"),
        InlineData("sensors=", HttpStatusCode.BadRequest, "sensors names none"),
        InlineData("sensors=a,,b", HttpStatusCode.BadRequest, "sensors 'a,,b' is not a list such as kitchen,hall-*"),
        InlineData("sensors=a&sensors=b", HttpStatusCode.BadRequest, "sensors is given 2 times"),
        InlineData("sensors=sensor_001&metrics=wind", HttpStatusCode.BadRequest, "there is no metric 'wind'"),
        InlineData("sensors=sensor_001&fn=avg,avg", HttpStatusCode.BadRequest, "fn 'avg,avg' names avg twice"),
        InlineData("sensors=sensor_001&format=arrow&time_format=ms", HttpStatusCode.BadRequest, "time_format is for text"),
        InlineData("sensors=sensor_001&sensor=1", HttpStatusCode.BadRequest, "there is no query parameter 'sensor'")]
    public async Task What_can_not_be_answered_says_why(string query, HttpStatusCode status, string error)
        => Assert.StartsWith(error, await _server.RefusedAsync(status, $"/api/series?{query}"), StringComparison.Ordinal);

    [Fact]
    public async Task A_hundred_and_one_sensors_are_too_many()
    {
        var many = string.Join(',', Enumerable.Range(0, 101).Select(i => $"s{i}"));
        Assert.StartsWith(
            "sensors names 101; 100 are the most",
            await _server.RefusedAsync(HttpStatusCode.BadRequest, $"/api/series?sensors={many}"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backslash_takes_a_comma_or_an_asterisk_as_it_is()
    {
        await using var server = await RunningServer.StartAsync();
        foreach (var id in new[] { "a,b", "c*", "cd", "e\\\\f" })
        {
            await server.WriteAsync($$"""{"sensor_id": "{{id}}", "time": "2026-11-22T09:00:00Z", "temperature": 1}""");
        }

        var answer = await server.GetAsync($"/api/series?sensors={Uri.EscapeDataString(@"e\\f,c\*,a\,b")}&bucket=hourly");
        Assert.Equal([@"e\f", "c*", "a,b"], answer["series"]!.AsArray().Select(s => Text(s!["sensor_id"])));
        var beginning = await server.GetAsync("/api/series?sensors=c*&bucket=hourly");
        Assert.Equal(["c*", "cd"], beginning["series"]!.AsArray().Select(s => Text(s!["sensor_id"])));
    }

    [Fact]
    public async Task An_answer_stops_at_the_most_rows_and_says_where_to_go_on()
    {
        await using var server = await RunningServer.StartAsync(("server:max_rows", "30"));
        var batch = new ReadingBatch(server.Store.Schema.MetricNames);
        foreach (var (sensor, hours) in new[] { ("a", 20), ("b", 20), ("c", 5) })
        {
            for (var hour = 0; hour < hours; hour++)
            {
                batch.Add(sensor, Instant.Utc(2026, 11, 21) + TimeSpan.FromHours(hour), [hour, 1, 1]);
            }
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
        var first = await server.GetAsync("/api/series?sensors=*&bucket=hourly&from=2026-11-21T00:00:00Z");
        Assert.Equal((30, true), (first["data_points"]!.GetValue<int>(), Flag(first["truncated"])));
        Assert.Equal(("b", "2026-11-21T10:00:00Z"), (Text(first["next_sensor"]), Text(first["next_from"])));
        Assert.Equal([20, 10], first["series"]!.AsArray().Select(s => s!["time"]!.AsArray().Count));
        var rest = await server.GetAsync($"/api/series?sensors=b&bucket=hourly&from={first["next_from"]}");
        Assert.Equal((10, null), (rest["data_points"]!.GetValue<int>(), rest["truncated"]));
        var whole = (await server.Client.GetStringAsync("/api/series?sensors=*&bucket=hourly&from=2026-11-21T00:00:00Z&format=csv"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1 + 45, whole.Length);
    }

    [Fact]
    public async Task A_series_of_very_many_values_comes_in_parts_and_is_whole()
    {
        await using var server = await RunningServer.StartAsync();
        var batch = new ReadingBatch(server.Store.Schema.MetricNames, 100_000);
        for (var i = 0; i < 100_000; i++)
        {
            batch.Add("a", Instant.Utc(2026, 11, 20) + TimeSpan.FromSeconds(i), [i, i / 8.0, double.NaN]);
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
        using var response = await server.Client.GetAsync("/api/series?sensors=a&bucket=raw&period=1w&time_format=ms");
        Assert.Null(response.Headers.ETag);
        Assert.True(response.Headers.TransferEncodingChunked);
        var parts = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["series"]!.AsArray();
        Assert.InRange(parts.Count, 2, 10);
        Assert.All(parts, p => Assert.Equal("a", Text(p!["sensor_id"])));
        Assert.Equal(
            Enumerable.Range(0, 100_000).Select(i => (long)i),
            parts.SelectMany(p => p!["values"]!["temperature"]!.AsArray()).Select(v => (long)v!.GetValue<double>()));
        Assert.Equal(100_000, parts.Sum(p => p!["time"]!.AsArray().Count));
    }

    [Fact]
    public async Task Buckets_that_are_filled_are_marked()
    {
        await using var server = await RunningServer.StartAsync();
        await server.WriteAsync("""
            [{"sensor_id": "a", "time": "2026-11-22T05:10:00Z", "temperature": 1},
             {"sensor_id": "a", "time": "2026-11-22T08:10:00Z", "temperature": 4}]
            """);
        var path = "/api/series?sensors=a&bucket=hourly&metrics=temperature&from=2026-11-22T05:00:00Z&to=2026-11-22T09:00:00Z";
        var series = (await server.GetAsync($"{path}&fill=linear"))["series"]![0]!;
        Assert.Equal("[1,2,3,4]", series["values"]!["avg_temperature"]!.ToJsonString());
        Assert.Equal("[1,0,0,1]", series["reading_count"]!.ToJsonString());
        Assert.Equal("[1,2]", series["filled"]!.ToJsonString());
        var rows = JsonNode.Parse(await server.Client.GetStringAsync($"{path}&fill=null&format=rows&time_format=ms"))!.AsArray();
        Assert.Equal(
            """{"time":1795327200000,"sensor_id":"a","avg_temperature":null,"reading_count":0,"filled":true}""",
            rows[1]!.ToJsonString());
        Assert.False((await server.GetAsync(path))["series"]![0]!.AsObject().ContainsKey("filled"));
    }

    [Fact]
    public async Task The_endpoint_of_readings_thins_them_out_and_keeps_spikes()
    {
        await using var server = await RunningServer.StartAsync();
        var batch = new ReadingBatch(["temperature"], 5000);
        for (var i = 0; i < 5000; i++)
        {
            batch.Add("a*", Instant.Utc(2026, 11, 22) + TimeSpan.FromSeconds(i), [i == 3333 ? 1000 : i % 7]);
        }

        batch.Add("a*b", Instant.Utc(2026, 11, 22), [5]);
        await server.Store.WriteAsync(batch, CancellationToken.None);
        var all = await server.GetAsync("/api/sensors/a*/raw?metrics=temperature");
        var few = await server.GetAsync("/api/sensors/a*/raw?metrics=temperature&points=100");
        Assert.Equal(all.AsObject().Select(m => m.Key), few.AsObject().Select(m => m.Key));
        var rows = few["data"]!.AsArray();
        Assert.InRange(rows.Count, 50, 100);
        Assert.Contains(rows, r => r!["temperature"]!.GetValue<double>() == 1000);
        var known = all["data"]!.AsArray().Select(r => r!.ToJsonString()).ToHashSet();
        Assert.All(rows, r => Assert.Contains(r!.ToJsonString(), known));
        Assert.Equal(5000, (await server.GetAsync("/api/sensors/a*/raw?metrics=temperature&points=5000"))["data"]!.AsArray().Count);
        Assert.StartsWith(
            "points 'x' is not a whole number",
            await server.RefusedAsync(HttpStatusCode.BadRequest, "/api/sensors/a*/raw?points=x"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_endpoint_of_an_aggregate_takes_a_zone_and_a_fill()
    {
        var days = await _server.GetAsync("/api/sensors/sensor_001/daily?period=1w&tz=America/New_York&metrics=temperature");
        Assert.Equal(
            (await _server.GetAsync("/api/sensors/sensor_001/daily?period=1w&metrics=temperature")).AsObject().Select(m => m.Key),
            days.AsObject().Select(m => m.Key));
        var series = await _server.GetAsync(
            "/api/series?sensors=sensor_001&bucket=daily&period=1w&tz=America/New_York&metrics=temperature&fn=avg,min,max");
        var rows = days["data"]!.AsArray();
        Assert.InRange(rows.Count, 6, 8);
        Assert.All(rows, r => Assert.EndsWith("T05:00:00Z", Text(r!["time"]), StringComparison.Ordinal));
        Assert.Equal(Texts(series["series"]![0]!["time"]!), Column(rows, "time"));
        Assert.Equal(Texts(series["series"]![0]!["values"]!["max_temperature"]!), Column(rows, "max_temperature"));

        await using var server = await RunningServer.StartAsync();
        await server.WriteAsync("""
            [{"sensor_id": "a", "time": "2026-11-22T05:10:00Z", "temperature": 1},
             {"sensor_id": "a", "time": "2026-11-22T07:10:00Z", "temperature": 4}]
            """);
        var filled = await server.GetAsync(
            "/api/sensors/a/hourly?from=2026-11-22T05:00:00Z&to=2026-11-22T08:00:00Z&metrics=temperature&fill=previous");
        Assert.Equal(["1", "1", "4"], Column(filled["data"]!.AsArray(), "avg_temperature"));
        Assert.Equal(["1", "0", "1"], Column(filled["data"]!.AsArray(), "reading_count"));
        Assert.StartsWith(
            "tz 'x' is not a time zone's name; fill 'y' is not none",
            (await server.RefusedAsync(HttpStatusCode.BadRequest, "/api/sensors/a/hourly?tz=x&fill=y"))
                .Replace($"{TimeZones.Form}", "a time zone's name", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.Equal(
            "there is no sensor 'none'",
            await server.RefusedAsync(HttpStatusCode.NotFound, "/api/sensors/none/hourly?fill=null"));
    }

    private static string? Text(JsonNode? node) => node?.GetValue<string>();

    private static bool Flag(JsonNode? node) => node!.GetValue<bool>();

    private static IEnumerable<string?> Texts(JsonNode values) => values.AsArray().Select(v => v?.ToJsonString());

    private static IEnumerable<string?> Column(JsonArray rows, string name) => rows.Select(r => r![name]?.ToJsonString());
}
