using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

public sealed class IngestTests : IAsyncLifetime
{
    private const string Ndjson = "application/x-ndjson";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(("server:max_line", "1KiB"));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static string Reading(string sensor, string time, double temperature)
        => new JsonObject { ["sensor_id"] = sensor, ["time"] = time, ["temperature"] = temperature }.ToJsonString();

    [Fact]
    public async Task An_object_is_written_and_again_changes_nothing()
    {
        var reading = Reading("a", "2026-11-22T10:00:00Z", 21.5);
        Assert.Equal(
            """{"written":1,"replaced":0,"unchanged":0,"refused":0,"refusals":[]}""",
            (await _server.WriteAsync(reading)).ToJsonString());
        Assert.Equal(
            """{"written":0,"replaced":0,"unchanged":1,"refused":0,"refusals":[]}""",
            (await _server.WriteAsync(reading)).ToJsonString());
        var other = Reading("a", "2026-11-22T10:00:00Z", 22);
        Assert.Equal(
            """{"written":0,"replaced":1,"unchanged":0,"refused":0,"refusals":[]}""",
            (await _server.WriteAsync(other)).ToJsonString());
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00Z","sensor_id":"a","temperature":22,"humidity":null,"pressure":null}""",
            (await _server.GetAsync("/api/sensors/a/current")).ToJsonString());
    }

    [Fact]
    public async Task An_array_is_written_but_for_its_faulty_elements()
    {
        var answer = await _server.WriteAsync($$"""
            [ {{Reading("a", "2026-11-22T10:00:00Z", 1)}},
              {"sensor_id":"a","time":"2026-11-22T10:01:00Z","temperature":"warm"},
              7, [],
              {"sensor_id":"a","time":"2026-11-22T10:02:00Z","wind":3},
              {"sensor_id":"a","time":"2026-11-22T11:30:00.000001Z"} ,
              {{Reading("a", "2026-11-22T10:03:00.1234567Z", 4)}} ]
            """);
        Assert.Equal((3, 4), (answer["written"]!.GetValue<int>(), answer["refused"]!.GetValue<int>()));
        Assert.Equal(
            [
                "2 temperature is a string, not a number",
                "3 a reading is an object, not a number",
                "4 a reading is an object, not an array",
                "6 time 2026-11-22T11:30:00.000001Z is more than 3600 s ahead of the server's clock",
            ],
            answer["refusals"]!.AsArray().Select(r => $"{r!["line"]} {r["error"]}"));
        Assert.Equal("2026-11-22T10:03:00.123456Z", (await _server.GetAsync("/api/sensors/a/current"))["time"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(Ndjson), InlineData("application/ndjson"), InlineData("application/jsonl; charset=utf-8"), InlineData("application/json")]
    public async Task Lines_are_counted_and_a_faulty_one_is_one_refusal(string type)
    {
        var body = string.Join(
            "\n",
            "\uFEFF" + Reading("a", "2026-11-22T10:00:00Z", 1),
            "",
            """{"sensor_id":"a","time":1""",
            $$"""{"sensor_id":"a","time":0,"x":"{{new string('x', 1024)}}"}""",
            Reading("b", "2026-11-22T10:00:00Z", 1) + "\r",
            "");
        var answer = await _server.WriteAsync(body, type);
        Assert.Equal((2, 2), (answer["written"]!.GetValue<int>(), answer["refused"]!.GetValue<int>()));
        Assert.Equal([3, 4], answer["refusals"]!.AsArray().Select(r => r!["line"]!.GetValue<int>()));
        Assert.StartsWith("not valid JSON: ", answer["refusals"]![0]!["error"]!.GetValue<string>());
        Assert.Equal("the line is longer than 1024 bytes, the limit server:max_line", answer["refusals"]![1]!["error"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_number_that_gives_no_likely_time_is_refused_unless_its_unit_is_said()
    {
        const string Body = """{"sensor_id":"a","time":1527863043}""";
        using var refused = await _server.PostAsync(Body);
        Assert.Equal(
            "line 1: time 1527863043 looks like seconds, not milliseconds: say so with time_unit=s",
            (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, refused))["error"]!.GetValue<string>());
        using var taken = await _server.PostAsync(Body, path: "/api/readings?time_unit=s");
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        Assert.Equal("2018-06-01T14:24:03Z", (await _server.GetAsync("/api/sensors/a/current"))["time"]!.GetValue<string>());
        using var unknown = await _server.PostAsync(Body, path: "/api/readings?time_unit=m");
        Assert.Equal(
            "time_unit 'm' is not s, ms, us or ns",
            (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, unknown))["error"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("application/json; charset=utf-16"), InlineData("application/x-ndjson; charset=\"ISO-8859-1\"")]
    public async Task Another_character_set_is_415(string type)
    {
        using var answer = await _server.PostAsync(Reading("a", "2026-11-22T10:00:00Z", 1), type);
        Assert.EndsWith(
            "is not in UTF-8; send UTF-8",
            (await RunningServer.ProblemAsync(HttpStatusCode.UnsupportedMediaType, answer))["error"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_first_hundred_refusals_are_told_and_all_are_counted()
    {
        var lines = Enumerable.Range(0, 30_000)
            .Select(i => i % 2 == 0 ? Reading("a", Instant.From(_server.Clock.GetUtcNow().AddSeconds(-i)).ToString(), i) : "{}");
        var answer = await _server.WriteAsync(string.Join("\n", lines), Ndjson);
        Assert.Equal((15_000, 15_000), (answer["written"]!.GetValue<int>(), answer["refused"]!.GetValue<int>()));
        Assert.Equal(Enumerable.Range(1, 100).Select(i => 2 * i), answer["refusals"]!.AsArray().Select(r => r!["line"]!.GetValue<int>()));
        Assert.Equal(15_000, (await _server.GetAsync("/api/sensors"))["sensors"]![0]!["total_readings"]!.GetValue<int>());
    }

    [Theory]
    [InlineData(" ", "the body is empty")]
    [InlineData("nonsense", "the body is not valid JSON: 'nonsense' is an invalid JSON literal. Expected the literal 'null' (byte 2)")]
    [InlineData("7", "the body is neither an object nor an array nor lines of objects")]
    [InlineData("[]", "the body holds no reading")]
    [InlineData(
        """[{"sensor_id":"a","time":"2026-11-22T10:00:00Z"}""",
        "the body is not valid JSON: Expected depth to be zero at the end of the JSON payload. "
            + "There is an open JSON object or array that should be closed (byte 49)")]
    [InlineData(
        """{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":NaN}""",
        "the body is not valid JSON: 'N' is an invalid start of a value (byte 62)")]
    [InlineData("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":"21"}""", "line 1: temperature is a string, not a number")]
    [InlineData("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","wind":{"gust":1}}""", "line 1: wind is an object, not a number")]
    [InlineData(
        """{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":1e999}""",
        "line 1: temperature 1e999 is too large for a double")]
    [InlineData("""{"sensor_id":"a","temperature":21}""", "line 1: time is missing")]
    [InlineData("""{"time":"2026-11-22T10:00:00Z"}""", "line 1: sensor_id is missing or empty")]
    [InlineData(
        """[{"sensor_id":"a","time":1763805600000,"°":1},{"sensor_id":"a","time":1763805600001,"°":1}]""",
        "none of 2 readings is valid; line 1: '°' can't be made the name of a metric: 1 to 48 letters (a to z) and digits")]
    public async Task A_body_without_a_valid_reading_is_400(string body, string line)
    {
        using var answer = await _server.PostAsync(body);
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
        Assert.Equal(line, problem["error"]!.GetValue<string>());
        Assert.Empty((await _server.GetAsync("/api/sensors"))["sensors"]!.AsArray());
    }

    [Fact]
    public async Task A_deeply_nested_body_is_400()
    {
        using var answer = await _server.PostAsync(new string('[', 100_000));
        await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
    }

    [Fact]
    public async Task Lines_of_an_open_request_are_in_the_store_before_it_ends()
    {
        using var content = new OpenContent(Reading("slow", "2026-11-22T10:00:00Z", 1) + "\n");
        var pending = _server.Client.PostAsync("/api/readings", content);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while ((await _server.GetAsync("/api/sensors"))["count"]!.GetValue<int>() == 0)
        {
            await Task.Delay(20, patience.Token);
        }

        Assert.False(pending.IsCompleted);
        content.End.SetResult();
        using var answer = await pending;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Readings_older_than_retention_are_refused_with_the_horizon()
    {
        await using var server = await RunningServer.StartAsync(("retention", "60d"));
        await server.WriteAsync(Reading("a", "2026-01-01T00:00:00Z", 1));
        await server.Store.RetainAsync(CancellationToken.None);
        using var answer = await server.PostAsync(Reading("a", "2026-01-01T00:00:00Z", 1));
        var problem = await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
        Assert.Equal(
            "line 1: time 2026-01-01T00:00:00Z is older than retention, which reaches back to 2026-01-05T00:00:00Z",
            problem["error"]!.GetValue<string>());
    }

    /// <summary>Sends its text at once and ends when told to.</summary>
    private sealed class OpenContent : HttpContent
    {
        private readonly byte[] _text;

        public OpenContent(string text)
        {
            _text = Encoding.UTF8.GetBytes(text);
            Headers.ContentType = new MediaTypeHeaderValue(Ndjson);
        }

        public TaskCompletionSource End { get; } = new();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(_text);
            await stream.FlushAsync();
            await End.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
