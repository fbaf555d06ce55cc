using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

/// <summary>Line protocol at the addresses of all versions of InfluxDB's API, as raw requests.</summary>
public sealed class LineProtocolTests : IAsyncLifetime
{
    // 2026-11-22T10:00:00Z.
    private const long Ten = 1_795_341_600;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(("server:max_line", "1KiB"));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/write?db=anything&rp=autogen&consistency=all")]
    [InlineData("/api/v2/write?org=o&orgID=1&bucket=b")]
    [InlineData("/api/v3/write_lp?db=d&accept_partial=true&no_sync=false")]
    public async Task Lines_are_written_and_read_back_to_the_last_bit(string path)
    {
        var body = $"sensor_data,sensor_id=a temperature=0.1,humidity=-1.7976931348623157e+308 {Ten}000000001\n"
            + $"weather,host=b ok=t,count=9007199254740993i,big=18446744073709551615u,note=\"dry\",pi=3.141592653589793 {Ten}123456789";
        using var answer = await WriteAsync(body, path);
        Assert.Equal("", await answer.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal("1", answer.Headers.GetValues("X-Tidemark-Texts-Left-Out").Single());
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00Z","sensor_id":"a","temperature":0.1,"humidity":-1.7976931348623157E+308,"pressure":null}""",
            (await _server.GetAsync("/api/sensors/a/current")).ToJsonString());
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00.123456Z","sensor_id":"b","temperature":null,"humidity":null,"pressure":null"""
                + ""","weather_ok":1,"weather_count":9007199254740992,"weather_big":1.8446744073709552E+19"""
                + ""","weather_pi":3.141592653589793}""",
            (await _server.GetAsync("/api/sensors/b/current")).ToJsonString());
    }

    [Theory]
    [InlineData("/write?precision=n", 1_000_000_000), InlineData("/write?precision=ns", 1_000_000_000)]
    [InlineData("/write?precision=u", 1_000_000), InlineData("/write?precision=us", 1_000_000)]
    [InlineData("/write?precision=%C2%B5", 1_000_000)]
    [InlineData("/write?precision=ms", 1_000), InlineData("/write?precision=s", 1), InlineData("/write", 1_000_000_000)]
    [InlineData("/api/v2/write?precision=ns", 1_000_000_000), InlineData("/api/v2/write?precision=us", 1_000_000)]
    [InlineData("/api/v2/write?precision=ms", 1_000), InlineData("/api/v2/write?precision=s", 1)]
    [InlineData("/api/v3/write_lp?precision=nanosecond", 1_000_000_000), InlineData("/api/v3/write_lp?precision=microsecond", 1_000_000)]
    [InlineData("/api/v3/write_lp?precision=millisecond", 1_000), InlineData("/api/v3/write_lp?precision=second", 1)]
    [InlineData("/api/v3/write_lp", 1), InlineData("/api/v3/write_lp?precision=auto", 1_000)]
    [InlineData("/api/v3/write_lp?precision=", 1_000_000)]
    [InlineData("/api/v3/write_lp?db=d", 1_000_000_000)]
    public async Task Times_count_in_the_precision_that_is_asked(string path, long perSecond)
    {
        await WriteAllAsync($"m,sensor_id=a value=1 {Ten * perSecond}", path);
        Assert.Equal("2026-11-22T10:00:00Z", await TimeAsync("a"));
    }

    [Theory]
    [InlineData("m", Ten / 60), InlineData("h", Ten / 3600)]
    public async Task Times_may_count_minutes_and_hours(string precision, long time)
    {
        await WriteAllAsync($"m,sensor_id=a value=1 {time}", $"/write?precision={precision}");
        Assert.Equal("2026-11-22T10:00:00Z", await TimeAsync("a"));
    }

    [Fact]
    public async Task Lines_without_a_time_are_of_the_moment_of_the_request()
    {
        await WriteAllAsync("m,sensor_id=a value=1\nm,sensor_id=b value=1", "/write");
        Assert.Equal(["2026-11-22T10:30:00Z", "2026-11-22T10:30:00Z"], [await TimeAsync("a"), await TimeAsync("b")]);
    }

    [Fact]
    public async Task Lines_of_a_sensor_and_instant_are_one_reading_and_later_bodies_add_to_it()
    {
        await WriteAllAsync($"sensor_data,sensor_id=a temperature=1 {Ten}\nsensor_data,sensor_id=a humidity=2 {Ten}", "/write?precision=s");
        await WriteAllAsync($"sensor_data,sensor_id=a humidity=3,pressure=4 {Ten}", "/write?precision=s");
        var raw = (await _server.GetAsync("/api/sensors/a/raw?period=1d"))["data"]!.AsArray();
        Assert.Equal(
            """{"time":"2026-11-22T10:00:00Z","temperature":1,"humidity":3,"pressure":4}""",
            Assert.Single(raw)!.ToJsonString());
    }

    [Fact]
    public async Task Version_1_tells_of_refused_lines_and_writes_the_others()
    {
        using var answer = await WriteAsync(WithFault, "/write?precision=s");
        Assert.Equal(
            (HttpStatusCode.BadRequest, $$"""{"error":"partial write: line 2: there are no fields dropped=1","data":[{{Fault(2)}}]}"""),
            await TextAsync(answer));
        await ThereAreAsync("a", "c");
    }

    [Fact]
    public async Task Version_2_tells_by_its_status_whether_any_line_was_written()
    {
        using var some = await WriteAsync(WithFault, "/api/v2/write?precision=s");
        Assert.Equal("unprocessable entity", some.Headers.GetValues("X-Platform-Error-Code").Single());
        Assert.Equal(
            (HttpStatusCode.UnprocessableEntity, $$"""{"code":"unprocessable entity","message":"failure writing points to database: """
                + $$"""partial write: line 2: there are no fields dropped=1","line":2,"data":[{{Fault(2)}}]}"""),
            await TextAsync(some));
        await ThereAreAsync("a", "c");

        using var none = await WriteAsync("m,sensor_id=b", "/api/v2/write?precision=s");
        Assert.Equal(
            (HttpStatusCode.BadRequest, """{"code":"invalid","message":"unable to parse or write any line: line 1: """
                + $$"""there are no fields","line":1,"data":[{{Fault(1)}}]}"""),
            await TextAsync(none));
    }

    [Fact]
    public async Task Version_3_writes_all_or_nothing_when_asked()
    {
        using var whole = await WriteAsync(WithFault, "/api/v3/write_lp?accept_partial=false");
        Assert.Equal(
            (HttpStatusCode.BadRequest, $"{{\"error\":\"parsing failed for write_lp endpoint\",\"data\":{Fault(2)}}}"),
            await TextAsync(whole));
        await ThereAreAsync();
        await WriteAllAsync($"m,sensor_id=x value=1 {Ten}", "/api/v3/write_lp?accept_partial=false");

        using var partial = await WriteAsync(WithFault, "/api/v3/write_lp");
        Assert.Equal(
            (HttpStatusCode.BadRequest, $$"""{"error":"partial write of line protocol occurred","data":[{{Fault(2)}}]}"""),
            await TextAsync(partial));
        await ThereAreAsync("a", "c", "x");
    }

    [Fact]
    public async Task Each_limit_refuses_the_line_that_is_beyond_and_no_other()
    {
        await using var server = await RunningServer.StartAsync(
            ("metrics:0:name", "temperature"), ("metrics:0:min", "-60"), ("metrics:0:max", "60"), ("max_metrics", "2"),
            ("max_sensors", "2"), ("server:max_line", "1KiB"));
        string[] lines =
        [
            $"m,sensor_id=a temperature=1 {Ten}",
            $"sensor_data,sensor_id=a temperature=60.5 {Ten}",
            $"sensor_data,sensor_id=a temperature=1 {Ten + 5401}",
            "sensor_data,sensor_id=a temperature=1 -9000000000",
            $"sensor_data,sensor_id=a temperature=1,other=2 {Ten}",
            $"sensor_data,sensor_id=a temperature=1,{new string('x', 2000)}=1 {Ten}",
            $"sensor_data,sensor_id=b temperature=1 {Ten}",
            $"sensor_data,sensor_id=c temperature=1 {Ten}",
            $"sensor_data,sensor_id=a temperature=2 {Ten + 1}",
        ];
        using var answer = await server.PostAsync(string.Join('\n', lines), "text/plain", "/write?precision=s");
        var data = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["data"]!.AsArray();
        Assert.Equal(
            [
                "2 temperature 60.5 is outside -60 to 60",
                "3 time 2026-11-22T11:30:01Z is more than 3600 s ahead of the server's clock",
                "4 time 1684-10-19T08:00:00Z is before 1900-01-01T00:00:00Z, the setting oldest_time: check the clock, or set it earlier",
                "5 the metric 'other' is new, and the store has as many metrics as the setting max_metrics allows",
                "6 the line is longer than 1024 bytes",
                "8 the sensor is new, and the store has as many sensors as the setting max_sensors allows",
            ],
            data.Select(d => $"{d!["line_number"]} {d["error_message"]}"));
        Assert.All(data, d =>
        {
            var begin = d!["original_line"]!.GetValue<string>().TrimEnd('…');
            Assert.NotEmpty(begin);
            Assert.StartsWith(begin, lines[d["line_number"]!.GetValue<int>() - 1]);
        });
        Assert.Equal(["a", "b"], await SensorsAsync(server));
        Assert.Equal(2, (await server.GetAsync("/api/sensors/a/raw?period=1d"))["data"]!.AsArray().Count);
    }

    [Fact]
    public async Task Faults_of_a_long_body_have_the_numbers_of_their_lines_and_all_else_is_written()
    {
        var lines = Enumerable.Range(0, 35_000).Select(i => $"m,sensor_id=s{i % 7} f={(i % 1_000 == 999 ? "on" : i)} {Ten - i}");
        using var answer = await WriteAsync(string.Join("\r\n", lines), "/api/v2/write?precision=s");
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.EndsWith("dropped=35", error["message"]!.GetValue<string>());
        Assert.Equal(
            Enumerable.Range(1, 35).Select(i => 1_000 * i),
            error["data"]!.AsArray().Select(d => d!["line_number"]!.GetValue<int>()));
        var sensors = (await _server.GetAsync("/api/sensors"))["sensors"]!.AsArray();
        Assert.Equal(35_000 - 35, sensors.Sum(s => s!["total_readings"]!.GetValue<int>()));
    }

    [Fact]
    public async Task A_body_may_come_in_pieces_cut_anywhere()
    {
        var lines = Enumerable.Range(0, 300).Select(i => $"m,sensor_id=Büro\\ {i % 3} f={i},t=\"a\nb\" {Ten - i}\n");
        using var content = new PiecesContent(Encoding.UTF8.GetBytes(string.Concat(lines)), 37);
        using var answer = await _server.Client.PostAsync("/write?precision=s", content);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(100, (await _server.GetAsync("/api/sensors/B%C3%BCro%202/raw?period=1d"))["data"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("/write"), InlineData("/api/v2/write"), InlineData("/api/v3/write_lp")]
    public async Task A_compressed_body_may_have_several_members(string path)
    {
        byte[] body = [.. Pack($"m,sensor_id=a f=1 {Ten}\nm,sensor_id=b f"), .. Pack($"=2 {Ten}\n"), .. Pack($"m,sensor_id=c f=3 {Ten}")];
        using var answer = await PostAsync(body, $"{path}?precision=s", "gzip");
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        await ThereAreAsync("a", "b", "c");
    }

    [Theory]
    [InlineData("/write", """{"error":"the body is larger than 1MiB, the limit server:max_body"}""")]
    [InlineData("/api/v2/write", """{"code":"request too large","message":"the body is larger than 1MiB, the limit server:max_body"}""")]
    [InlineData("/api/v3/write_lp", """{"error":"the body is larger than 1MiB, the limit server:max_body"}""")]
    public async Task A_body_beyond_the_limit_is_413_packed_or_not(string path, string error)
    {
        await using var server = await RunningServer.StartAsync(("server:max_body", "1MiB"));
        var comments = new string('#', 64 << 20);
        (byte[], string)[] bodies = [(Pack(comments), "gzip"), (Encoding.UTF8.GetBytes(comments[..(2 << 20)]), "identity")];
        foreach (var (body, encoding) in bodies)
        {
            using var answer = await PostAsync(body, path, encoding, server);
            Assert.Equal((HttpStatusCode.RequestEntityTooLarge, error), await TextAsync(answer));
        }
    }

    [Theory]
    [InlineData("/write?precision=min", HttpStatusCode.BadRequest, """{"error":"precision 'min' is not ns, us, ms, s, m or h"}""")]
    [InlineData("/write?precision=auto", HttpStatusCode.BadRequest, """{"error":"precision 'auto' is not ns, us, ms, s, m or h"}""")]
    [InlineData(
        "/api/v2/write?precision=x",
        HttpStatusCode.BadRequest,
        """{"code":"invalid","message":"precision 'x' is not ns, us, ms, s, m or h"}""")]
    [InlineData(
        "/api/v2/write?sensor_ids=%7Ba", HttpStatusCode.BadRequest,
        """{"code":"invalid","message":"sensor_ids: '{a' is not a tag, or a template such as {site}/{device}; several with ;"}""")]
    public async Task A_wrong_query_is_answered_as_its_version_does(string path, HttpStatusCode status, string error)
    {
        using var answer = await WriteAsync("m f=1", path);
        Assert.Equal((status, error), await TextAsync(answer));
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task A_mistyped_query_is_refused()
    {
        using var answer = await WriteAsync("m f=1", "/write?precison=s");
        Assert.StartsWith("{\"error\":\"there is no query parameter 'precison'; there are precision, ", (await TextAsync(answer)).Text);
    }

    [Fact]
    public async Task A_broken_compressed_body_is_400()
    {
        using var answer = await PostAsync(Encoding.UTF8.GetBytes("m f=1"), "/api/v2/write", "gzip");
        Assert.Equal(
            (HttpStatusCode.BadRequest, """{"code":"invalid","message":"the body is not valid gzip, or not all of it arrived"}"""),
            await TextAsync(answer));
    }

    [Theory]
    [InlineData("/write", """{"error":"content encoding 'br' is not supported; send gzip, deflate or none"}""")]
    [InlineData(
        "/api/v2/write",
        """{"code":"unsupported media type","message":"content encoding 'br' is not supported; send gzip, deflate or none"}""")]
    public async Task Another_encoding_is_415(string path, string error)
    {
        using var answer = await PostAsync([1, 2, 3], path, "br");
        Assert.Equal((HttpStatusCode.UnsupportedMediaType, error), await TextAsync(answer));
    }

    [Fact]
    public async Task Configuration_and_query_say_which_tags_make_a_sensor_and_which_measurements_are_bare()
    {
        await using var server = await RunningServer.StartAsync(
            ("line_protocol:sensor_ids", "{site}/{device};mac"), ("line_protocol:bare_measurements", "env"));
        using var configured = await server.PostAsync(
            $"env,site=s,device=d f=1 {Ten}\nenv,mac=00 g=1 {Ten}\nhost,host=h v=1 {Ten}", "text/plain", "/write?precision=s");
        Assert.Equal(HttpStatusCode.NoContent, configured.StatusCode);
        using var asked = await server.PostAsync(
            $"env,site=s,device=d f=1 {Ten}", "text/plain", "/write?precision=s&sensor_ids=device&bare_measurements=");
        Assert.Equal(HttpStatusCode.NoContent, asked.StatusCode);
        Assert.Equal(["00", "d", "host/h", "s/d"], await SensorsAsync(server));
        var metrics = (await server.GetAsync("/api/metrics"))["metrics"]!.AsArray().Select(m => m!["name"]!.GetValue<string>());
        Assert.Equal(["f", "g", "host_v", "env_f"], metrics.Skip(3));
    }

    /// <summary>What was written before a body broke off stays, and the next request is answered.</summary>
    [Fact]
    public async Task A_body_that_breaks_off_leaves_what_was_written()
    {
        var lines = string.Concat(Enumerable.Range(0, 25_000).Select(i => $"m,sensor_id=a f={i} {Ten - i}\n"));
        var packed = Pack(lines);
        using var answer = await PostAsync(packed[..^10], "/write?precision=s", "gzip");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.InRange((await _server.GetAsync("/api/sensors"))["sensors"]![0]!["total_readings"]!.GetValue<int>(), 10_000, 25_000);
        using var again = await PostAsync(packed, "/write?precision=s", "gzip");
        Assert.Equal(HttpStatusCode.NoContent, again.StatusCode);
        Assert.Equal(25_000, (await _server.GetAsync("/api/sensors"))["sensors"]![0]!["total_readings"]!.GetValue<int>());
    }

    [Theory]
    [InlineData(""), InlineData("\n\n# nothing\n"), InlineData("m,sensor_id=a t=\"text\"")]
    public async Task A_body_without_a_number_is_taken(string body)
    {
        await WriteAllAsync(body, "/write");
        await ThereAreAsync();
    }

    private static string WithFault => $"m,sensor_id=a f=1 {Ten}\nm,sensor_id=b\nm,sensor_id=c f=3 {Ten}";

    private static string Fault(int line)
        => $$"""{"original_line":"m,sensor_id=b","line_number":{{line}},"error_message":"there are no fields"}""";

    private Task<HttpResponseMessage> WriteAsync(string body, string path) => _server.PostAsync(body, "text/plain; charset=utf-8", path);

    private async Task WriteAllAsync(string body, string path)
    {
        using var answer = await WriteAsync(body, path);
        Assert.Equal((HttpStatusCode.NoContent, ""), await TextAsync(answer));
    }

    private Task<HttpResponseMessage> PostAsync(byte[] body, string path, string encoding, RunningServer? server = null)
    {
        var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        return (server ?? _server).Client.PostAsync(path, content);
    }

    private static async Task<(HttpStatusCode Status, string Text)> TextAsync(HttpResponseMessage answer)
        => (answer.StatusCode, await answer.Content.ReadAsStringAsync());

    private async Task<string> TimeAsync(string sensor)
        => (await _server.GetAsync($"/api/sensors/{sensor}/current"))["time"]!.GetValue<string>();

    private async Task ThereAreAsync(params string[] sensors) => Assert.Equal(sensors, await SensorsAsync(_server));

    private static async Task<IEnumerable<string>> SensorsAsync(RunningServer server)
        => (await server.GetAsync("/api/sensors"))["sensors"]!.AsArray().Select(s => s!["sensor_id"]!.GetValue<string>());

    private static byte[] Pack(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }

    /// <summary>Sends small pieces, each by itself.</summary>
    private sealed class PiecesContent(byte[] body, int length) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var piece in body.Chunk(length))
            {
                await stream.WriteAsync(piece);
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = 0;
            return false;
        }
    }
}
