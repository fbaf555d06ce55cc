using System.Net;

namespace Tidemark.App.Tests.Http;

/// <summary>Metrics that readings bring.</summary>
public sealed class MetricTests
{
    private const string Time = "\"time\":\"2026-11-22T10:00:00Z\"";

    [Fact]
    public async Task A_reading_brings_metrics_and_its_sensors_answers_have_them()
    {
        await using var server = await RunningServer.StartAsync(("schedule:refresh", "never"));
        Assert.Equal(
            """{"written":2,"replaced":0,"unchanged":0,"refused":0,"refusals":[],"left_out":{"state":2,"on":1}}""",
            (await server.WriteAsync($$"""
                {"sensor_id":"plug",{{Time}},"Power (W)":12.5,"on":true,"state":"idle"}
                {"sensor_id":"plug","time":"2026-11-22T10:01:00Z","Power (W)":13,"on":"yes","state":"busy"}
                """)).ToJsonString());
        await server.WriteAsync($$"""{"sensor_id":"room",{{Time}},"temperature":21}""");
        Assert.Equal(
            """{"temperature":null,"humidity":null,"pressure":null,"power_w":13,"on":null}""",
            Members(await server.GetAsync("/api/sensors/plug/current")));
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00Z","sensor_id":"room","temperature":21,"humidity":null,"pressure":null}""",
            (await server.GetAsync("/api/sensors/room/current")).ToJsonString());
        Assert.Equal(
            """[{"time":"2026-11-22T10:00:00Z","on":1,"power_w":12.5},{"time":"2026-11-22T10:01:00Z","on":null,"power_w":13}]""",
            (await server.GetAsync("/api/sensors/plug/raw?metrics=on,power_w"))["data"]!.ToJsonString());
        Assert.Equal(
            """[{"time":"2026-11-22T10:00:00Z","avg_power_w":12.75,"min_power_w":12.5,"max_power_w":13,"reading_count":2}]""",
            (await server.GetAsync("/api/sensors/plug/hourly?metrics=power_w"))["data"]!.ToJsonString());
        Assert.Equal(
            12.75,
            (await server.GetAsync("/api/fleet/hourly?metric=power_w"))["data"]![0]!["average"]!.GetValue<double>());
        var metrics = (await server.GetAsync("/api/metrics"))["metrics"]!.AsArray();
        Assert.Equal(
            ["temperature °C True 1", "humidity % True 0", "pressure hPa True 0", "power_w  False 1", "on  False 1"],
            metrics.Select(m => $"{m!["name"]} {m["unit"]} {m["configured"]!.GetValue<bool>()} {m["sensors"]}"));
        Assert.NotNull(metrics[3]!["first_seen"]);
    }

    /// <summary>But for time and sensor.</summary>
    private static string Members(System.Text.Json.Nodes.JsonNode reading)
    {
        var members = reading.AsObject();
        members.Remove("time");
        members.Remove("sensor_id");
        return members.ToJsonString();
    }

    [Fact]
    public async Task With_refuse_the_answers_are_those_of_a_fixed_schema()
    {
        await using var server = await RunningServer.StartAsync(("new_metrics", "refuse"));
        foreach (var (member, line) in ((string, string)[])
        [
            ("\"wind\":1", "there is no metric 'wind'; there are temperature, humidity, pressure"),
            ("\"wind\":null", "there is no metric 'wind'; there are temperature, humidity, pressure"),
            ("\"temperature\":true", "temperature is true, not a number"),
        ])
        {
            using var answer = await server.PostAsync($$"""{"sensor_id":"a",{{Time}},{{member}}}""");
            var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
            Assert.Equal($"line 1: {line}", problem["error"]!.GetValue<string>());
        }

        Assert.Equal(3, (await server.GetAsync("/api/metrics"))["count"]!.GetValue<int>());
    }

    [Fact]
    public async Task There_is_a_most_of_them()
    {
        await using var server = await RunningServer.StartAsync(("max_metrics", "4"));
        var answer = await server.WriteAsync($$"""
            {"sensor_id":"a",{{Time}},"wind":1}
            {"sensor_id":"b",{{Time}},"rain":1}
            {"sensor_id":"c",{{Time}},"wind":2,"rain":null}
            """);
        Assert.Equal((2, 1), (answer["written"]!.GetValue<int>(), answer["refused"]!.GetValue<int>()));
        Assert.Equal(
            ["2 the metric 'rain' is new, and the store has as many metrics as the setting max_metrics allows"],
            answer["refusals"]!.AsArray().Select(r => $"{r!["line"]} {r["error"]}"));
    }

    [Theory]
    [InlineData("metrics=", "metrics '' is not a list of metrics such as temperature,humidity: '' is no name of one")]
    [InlineData("metrics=temperature,Wind", "metrics 'temperature,Wind' is not a list of metrics such as temperature,humidity: "
        + "'Wind' is no name of one")]
    [InlineData("metrics=temperature,temperature", "metrics 'temperature,temperature' names a metric twice")]
    [InlineData("metrics=wind", "there is no metric 'wind'; there are temperature, humidity, pressure")]
    [InlineData("metrics=humidity&metrics=pressure", "metrics is given 2 times")]
    public async Task What_is_no_selection_is_400(string query, string line)
    {
        await using var server = await RunningServer.StartAsync();
        await server.WriteAsync($$"""{"sensor_id":"a",{{Time}},"temperature":1}""");
        foreach (var view in (string[])["raw", "hourly"])
        {
            Assert.Equal(line, await server.RefusedAsync(HttpStatusCode.BadRequest, $"/api/sensors/a/{view}?{query}"));
        }
    }
}
