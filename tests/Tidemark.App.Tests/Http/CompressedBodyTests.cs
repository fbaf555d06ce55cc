using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Tidemark.App.Tests.Http;

/// <summary>Bodies that come compressed.</summary>
public sealed class CompressedBodyTests
{
    private const string Json = """[{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":20.5}]""";

    private static readonly string Lines = string.Concat(Enumerable.Range(0, 20_000).Select(Line));

    [Theory]
    [InlineData("gzip"), InlineData("x-gzip"), InlineData("GZIP"), InlineData("deflate"), InlineData("identity")]
    public async Task A_compressed_body_is_taken(string encoding)
    {
        await using var server = await RunningServer.StartAsync();
        using var json = await PostAsync(server, Pack(Json, encoding), encoding);
        Assert.Equal("""{"written":1,"replaced":0,"unchanged":0,"refused":0,"refusals":[]}""", await json.Content.ReadAsStringAsync());
        using var lines = await PostAsync(server, Pack(Lines, encoding), encoding, "application/x-ndjson");
        Assert.Equal("""{"written":20000,"replaced":0,"unchanged":0,"refused":0,"refusals":[]}""", await lines.Content.ReadAsStringAsync());
        using var admin = await PostAsync(server, Pack("""{"aggregate":"hourly"}""", encoding), encoding, path: "/api/admin/plan");
        Assert.Equal(HttpStatusCode.OK, admin.StatusCode);
    }

    [Theory]
    [InlineData("br"), InlineData("gzip, gzip"), InlineData("zstd"), InlineData("nonsense")]
    public async Task An_unknown_encoding_is_415_and_names_those_that_are_known(string encoding)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await PostAsync(server, Encoding.UTF8.GetBytes(Json), encoding);
        Assert.Equal(
            $"content encoding '{encoding}' is not supported; send gzip, deflate or none",
            (await RunningServer.ProblemAsync(HttpStatusCode.UnsupportedMediaType, answer))["error"]!.GetValue<string>());
        Assert.Equal("gzip, deflate", answer.Headers.GetValues("Accept-Encoding").Single());
    }

    [Theory]
    [InlineData("gzip", "application/json"), InlineData("gzip", "application/x-ndjson"), InlineData("deflate", "application/json")]
    public async Task A_broken_body_is_400_in_one_line(string encoding, string type)
    {
        await using var server = await RunningServer.StartAsync();
        var whole = Pack(Lines, encoding);
        byte[][] broken = [Encoding.UTF8.GetBytes(Json), whole[..(whole.Length / 2)], [.. whole[..100], .. new byte[50], .. whole[150..]]];
        foreach (var body in broken)
        {
            using var answer = await PostAsync(server, body, encoding, type);
            Assert.Equal(
                $"the body is not valid {encoding}, or not all of it arrived",
                (await RunningServer.ProblemAsync(HttpStatusCode.BadRequest, answer))["error"]!.GetValue<string>());
        }

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server, whole, encoding, "application/x-ndjson")).StatusCode);
    }

    private static string Line(int i)
        => $$"""{"sensor_id":"s{{i % 7}}","time":"{{Instant.Utc(2026, 11, 22) + TimeSpan.FromSeconds(i)}}","humidity":{{i % 13}}}""" + "\n";

    private static Task<HttpResponseMessage> PostAsync(
        RunningServer server, byte[] body, string encoding, string type = "application/json", string path = "/api/readings")
    {
        var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        return server.Client.PostAsync(path, content);
    }

    private static byte[] Pack(string text, string encoding)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        using var packed = new MemoryStream();
        using (Stream stream = encoding switch
        {
            "identity" => packed,
            "deflate" => new ZLibStream(packed, CompressionLevel.Optimal),
            _ => new GZipStream(packed, CompressionLevel.Optimal),
        })
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }
}
