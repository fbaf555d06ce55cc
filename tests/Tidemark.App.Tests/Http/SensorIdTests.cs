using System.Net;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

public sealed class SensorIdTests
{
    private static readonly string[] Accepted =
    [
        "it's \"quoted\"", "a/b", "a%2Fb", "a%252Fb", "100%", "%", "%41", "a+b c", "Büro 7", "温度計", "🌡️", "e\u0301", "\u00e9",
        "...", "a;b", "a?b#c", "a\\b", "'; DROP TABLE sensor_data; --", new('x', 50), string.Concat(
            Enumerable.Repeat("🌡", 50)), "current", "\u202Eabc",
    ];

    [Fact]
    public async Task Any_text_of_up_to_50_characters_comes_back_as_it_was_sent()
    {
        await using var server = await RunningServer.StartAsync();
        for (var i = 0; i < Accepted.Length; i++)
        {
            var reading = new JsonObject { ["sensor_id"] = Accepted[i], ["time"] = "2026-11-22T10:00:00Z", ["temperature"] = i };
            var answer = await server.WriteAsync(reading.ToJsonString());
            Assert.Equal(1, answer["written"]!.GetValue<int>());
        }

        for (var i = 0; i < Accepted.Length; i++)
        {
            var path = $"/api/sensors/{Uri.EscapeDataString(Accepted[i])}";
            var current = await server.GetAsync($"{path}/current");
            Assert.Equal((Accepted[i], i), (current["sensor_id"]!.GetValue<string>(), current["temperature"]!.GetValue<int>()));
            Assert.Equal(i, (await server.GetAsync($"{path}/raw"))["data"]![0]!["temperature"]!.GetValue<int>());
            Assert.Equal(i, (await server.GetAsync($"{path}/hourly"))["data"]![0]!["avg_temperature"]!.GetValue<int>());
            Assert.Equal(Accepted[i], (await server
                .GetAsync($"/api/stats/performance?sensor_id={Uri.EscapeDataString(Accepted[i])}"))["sensor_id"]!.GetValue<string>());
        }

        var listed = (await server.GetAsync("/api/sensors"))["sensors"]!.AsArray().Select(s => s!["sensor_id"]!.GetValue<string>());
        Assert.Equal(Accepted.Order(SensorId.Order), listed);
    }

    [Theory]
    [InlineData("", "sensor_id is missing or empty")]
    [InlineData(".", "sensor_id '.' is reserved")]
    [InlineData("..", "sensor_id '..' is reserved")]
    [InlineData("a\\u0000b", "sensor_id has a control character")]
    [InlineData("a\\nb", "sensor_id has a control character")]
    [InlineData("a\\u0085b", "sensor_id has a control character")]
    [InlineData("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sensor_id is longer than 50 characters")]
    [InlineData("\\ud800", "not valid JSON: a text is not valid UTF-8")]
    public async Task Other_ids_are_refused(string id, string line)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.PostAsync($$"""{"sensor_id":"{{id}}","time":"2026-11-22T10:00:00Z"}""");
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
        Assert.Equal($"line 1: {line}", problem["error"]!.GetValue<string>());
    }
}
