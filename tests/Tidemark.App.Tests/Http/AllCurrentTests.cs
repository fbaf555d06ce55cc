using System.Globalization;

namespace Tidemark.App.Tests.Http;

/// <summary>The last readings of all sensors, and after which silence each is stale.</summary>
public sealed class AllCurrentTests
{
    [Fact]
    public async Task Every_sensor_is_there_with_the_values_that_it_has()
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Equal("[]", (await server.GetAsync("/api/sensors/current"))["sensors"]!.ToJsonString());
        await server.WriteAsync("""
            [{"sensor_id":"b","time":"2026-11-22T10:00:00Z","temperature":1,"humidity":2},
             {"sensor_id":"a/b","time":"2026-11-22T10:00:00Z","power_w":3},
             {"sensor_id":"b","time":"2026-11-22T10:01:00Z","temperature":4}]
            """);
        var answer = await server.GetAsync("/api/sensors/current");
        Assert.Equal("2026-11-22T10:30:00Z", answer["now"]!.GetValue<string>());
        Assert.Equal(2, answer["count"]!.GetValue<int>());
        Assert.Equal(
            ["temperature", "humidity", "pressure", "power_w"],
            answer["metrics"]!.AsArray().Select(m => m!["name"]!.GetValue<string>()));
        Assert.Equal("°C", answer["metrics"]![0]!["unit"]!.GetValue<string>());
        var sensors = answer["sensors"]!.AsArray();
        Assert.Equal(["a/b", "b"], sensors.Select(s => s!["sensor_id"]!.GetValue<string>()));
        Assert.Equal("""{"power_w":3}""", sensors[0]!["values"]!.ToJsonString());
        Assert.Equal("""{"temperature":4}""", sensors[1]!["values"]!.ToJsonString());
        Assert.Equal("2026-11-22T10:01:00Z", sensors[1]!["time"]!.GetValue<string>());
        answer = await server.GetAsync("/api/sensors/current?sensors=a*,c");
        Assert.Equal(1, answer["count"]!.GetValue<int>());
        Assert.Equal("a/b", Assert.Single(answer["sensors"]!.AsArray())!["sensor_id"]!.GetValue<string>());
    }

    /// <summary>Of a minute, an hour, a day, a week; and of who wrote long ago.</summary>
    [Theory]
    [InlineData(1, 1440, 300), InlineData(60, 72, 3 * 3600), InlineData(1440, 14, 3 * 86400), InlineData(7 * 1440, 3, 21 * 86400)]
    [InlineData(30 * 1440, 2, 14 * 86400)]
    public async Task Each_sensor_is_stale_by_its_own_rhythm(int minutes, int readings, long staleAfter)
    {
        await using var server = await RunningServer.StartAsync();
        // The last but for one is of a day ago at least, so that days are whole.
        var last = Instant.Utc(2026, 11, 21, 23, 59);
        var lines = Enumerable.Range(minutes == 30 * 1440 ? 1 : 0, readings).Select(i => string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"sensor_id\":\"a\",\"time\":\"{new Instant(last.Micros - (i * minutes * 60_000_000L))}\",\"temperature\":{i}}}"));
        await server.WriteAsync(string.Join('\n', lines), "application/x-ndjson");
        await server.RefreshAsync();
        var told = (await server.GetAsync("/api/sensors/current"))["sensors"]![0]!["stale_after_s"]!.GetValue<long>();
        Assert.InRange(told, staleAfter * 0.95, staleAfter * 1.1);
    }

    /// <summary>The columns are the same whatever the metric is.</summary>
    [Fact]
    public async Task Rows_are_one_flat_array_of_one_metric()
    {
        await using var server = await RunningServer.StartAsync(("stale_after", "90s"));
        Assert.Equal("[]", (await server.GetAsync("/api/sensors/current?format=rows")).ToJsonString());
        await server.WriteAsync("""
            [{"sensor_id":"b","time":"2026-11-22T10:28:29.5Z","temperature":1,"power_w":2},
             {"sensor_id":"a","time":"2026-11-22T10:28:30Z","power_w":3}]
            """);
        Assert.Equal(
            [
                """{"sensor_id":"a","time":"2026-11-22T10:28:30Z","age_s":90,"stale":false,"value":null}""",
                """{"sensor_id":"b","time":"2026-11-22T10:28:29.500000Z","age_s":90,"stale":true,"value":1}""",
            ],
            (await server.GetAsync("/api/sensors/current?format=rows")).AsArray().Select(r => r!.ToJsonString()));
        Assert.Equal(
            [
                """{"sensor_id":"a","time":1795343310000,"age_s":90,"stale":false,"value":3}""",
                """{"sensor_id":"b","time":1795343309500,"age_s":90,"stale":true,"value":2}""",
            ],
            (await server.GetAsync("/api/sensors/current?format=rows&metric=power_w&time_format=ms")).AsArray()
                .Select(r => r!.ToJsonString()));
    }

    [Theory]
    [InlineData("format=csv", "format 'csv' is not json or rows")]
    [InlineData("format=rows&time_format=s", "time_format 's' is not rfc3339 or ms")]
    [InlineData("metric=temperature", "metric and time_format are for rows; add format=rows")]
    [InlineData("format=rows&metric=no", "there is no metric 'no'")]
    public async Task What_rows_do_not_have_is_refused(string query, string error)
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Contains(
            error,
            await server.RefusedAsync(System.Net.HttpStatusCode.BadRequest, $"/api/sensors/current?{query}"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_configured_holds_for_all()
    {
        await using var server = await RunningServer.StartAsync(("stale_after", "90s"));
        await server.WriteAsync("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":1}""");
        Assert.Equal(90, (await server.GetAsync("/api/sensors/current"))["sensors"]![0]!["stale_after_s"]!.GetValue<long>());
    }
}
