using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;

namespace Tidemark.App.Tests.Http;

/// <summary>A small body that unpacks to a large one. Alone in the process, whose memory it reads.</summary>
[Collection(nameof(CompressedBombTests))]
[CollectionDefinition(nameof(CompressedBombTests), DisableParallelization = true)]
public sealed class CompressedBombTests
{
    [Theory]
    [InlineData("application/json"), InlineData("application/x-ndjson")]
    public async Task The_limit_of_a_body_holds_for_what_it_unpacks_to(string type)
    {
        await using var server = await RunningServer.StartAsync(("server:max_body", "1MiB"));
        var bomb = Pack(256 << 20);
        Assert.InRange(bomb.Length, 1, 1 << 20);
        using var content = new ByteArrayContent(bomb) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        content.Headers.ContentEncoding.Add("gzip");
        var before = GC.GetTotalAllocatedBytes();
        using var answer = await server.Client.PostAsync("/api/readings", content);
        Assert.Equal(
            "the body is larger than 1MiB, the limit server:max_body",
            (await RunningServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, answer))["error"]!.GetValue<string>());
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 32 << 20);
    }

    private static byte[] Pack(int blanks)
    {
        var piece = new byte[1 << 20];
        Array.Fill(piece, (byte)' ');
        using var packed = new MemoryStream();
        using (var stream = new GZipStream(packed, CompressionLevel.Optimal))
        {
            for (var i = 0; i < blanks / piece.Length; i++)
            {
                stream.Write(piece);
            }
        }

        return packed.ToArray();
    }
}
