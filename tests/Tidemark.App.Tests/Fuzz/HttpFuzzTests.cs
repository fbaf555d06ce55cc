using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>
/// Broken bodies over HTTP. Each has an answer that is not the server's fault, memory stays, and what was acknowledged is there. Most begin
/// with a whole reading of their own, by which that is seen.
/// </summary>
public sealed class HttpFuzzTests
{
    private const int Workers = 8;
    private const int Bombs = 400;

    private static readonly byte[][] Objects = [.. new[]
    {
        """{"sensor_id":"s1","time":"2024-05-01T10:00:00Z","temperature":21.5,"humidity":40.25,"pressure":1013.25}""",
        """{"sensor_id":"hall/2","time":1714557600000,"temperature":-3e0,"humidity":null,"ok":true,"note":"dry"}""",
        """ {"time":"2024-05-01 10:00:00.123456+02:00","Temp °C":21,"CO₂ (ppm)":612,"sensor_id":"K\u00fcche"} """,
        """{"sensor_id":"s2","time":1714557600.25,"5V":4.98,"day":3,"battery":{"level":97},"list":[1,2]}""",
    }.Select(Encoding.UTF8.GetBytes)];

    private static readonly byte[][] Lines = [.. new[]
    {
        "sensor_data,sensor_id=s1 temperature=21.5,humidity=40.25 1714557600000000000\n",
        "weather,room=hall,host=pi3 temp=21.5,ok=true,note=\"dry, \\\"really\\\"\",n=7i,u=8u 1714557600123456789\n# why\n\n",
        "co2,room=2 value=612i\nSmart\\ Meter,device=m\\,1,site=a Power\\ (W)=-7.5e2,x=f 1714557600\r\nm,sensor=a f=1 1714557600000\n",
        "cpu,cpu=cpu0,host=a usage=1\ncpu,cpu=cpu1,host=a usage=2\nmem s=\"one\ntwo\",v=1 -1\n",
    }.Select(Encoding.UTF8.GetBytes)];

    [Fact]
    public async Task Json()
    {
        using var server = await FuzzedServer.StartAsync();
        var run = new FuzzRun("JSON", 5_500);
        var acknowledged = new ConcurrentBag<int>();
        var written = 0L;
        await run.SendAsync(Workers, async (number, random) =>
        {
            var isBomb = number % Bombs == Bombs - 1;
            var changed = isBomb ? [] : new Mutator(random).Change(Any(Objects, random), Any(Objects, random));
            var canary = Encoding.UTF8.GetBytes(
                $$"""{"sensor_id":"json-{{number % 8}}","time":{{Hour(number) * 3_600_000L}},"v":{{number}}}""");
            var (type, body, hasCanary) = random.Next(3) switch
            {
                0 => ("application/json", changed, false),
                1 => ("application/json", [.. "["u8, .. canary, .. ","u8, .. changed, .. "]"u8], true),
                _ => ("application/x-ndjson", (byte[])[.. canary, .. "\n"u8, .. changed, .. "\n"u8, .. Any(Objects, random)], true),
            };
            type = random.Next(40) == 0 ? "text/plain" : type;
            var query = random.Next(8) switch { 0 => "?time_unit=s", 1 => "?time_unit=x", 2 => "?import_id=f", _ => "" };
            var (encoding, bytes) = isBomb ? ("gzip", Packed.Bomb((byte)" [1"[number % 3], 64 << 20)) : Packed.Any(body, random);
            var (status, text) = await PostAsync(server, $"/api/readings{query}", type, encoding, bytes, random.Next(4) == 0);
            if (status == HttpStatusCode.OK)
            {
                Interlocked.Add(ref written, JsonNode.Parse(text)!["written"]!.GetValue<long>());
                if (hasCanary && !query.Contains("time_unit", StringComparison.Ordinal))
                {
                    acknowledged.Add(number);
                }
            }
        }, server.NoteMemory);
        Assert.Equal(written, await server.RowsAsync());
        await CheckAsync(server, "json", acknowledged, run.Count);
    }

    [Fact]
    public async Task LineProtocol()
    {
        using var server = await FuzzedServer.StartAsync();
        var run = new FuzzRun("line protocol", 6_000);
        var acknowledged = new ConcurrentBag<int>();
        await run.SendAsync(Workers, async (number, random) =>
        {
            var isBomb = number % Bombs == Bombs - 1;
            var changed = isBomb ? [] : new Mutator(random).Change(Any(Lines, random), Any(Lines, random));
            var (precision, units) = random.Next(7) switch
            {
                0 => ("ns", 3_600_000_000_000),
                1 => ("us", 3_600_000_000),
                2 => ("ms", 3_600_000),
                3 => ("s", 3600),
                4 => ("m", 60),
                5 => ("h", 1),
                _ => ("x", 0L),
            };
            var path = random.Next(5) switch
            {
                0 => "/api/v2/write?bucket=b&org=o",
                1 => "/api/v3/write_lp?db=d",
                2 => "/api/v3/write_lp?accept_partial=false",
                _ => "/write?db=d",
            };
            var canary = Encoding.UTF8.GetBytes($"c,sensor_id=lp-{number % 8} v={number}i {Hour(number) * units}\n");
            var naming = random.Next(10) == 0 ? "&sensor_ids={site}/{device};host&bare_measurements=c;cpu" : "&bare_measurements=c";
            var (encoding, bytes) = isBomb
                ? ("gzip", Packed.Bomb((byte)"m,\n"[number % 3], 64 << 20))
                : Packed.Any([.. canary, .. changed], random);
            var (status, text) = await PostAsync(
                server, $"{path}&precision={precision}{naming}", "text/plain; charset=utf-8", encoding, bytes, random.Next(4) == 0);
            if (!naming.Contains("site", StringComparison.Ordinal) && TookFirstLine(status, text))
            {
                acknowledged.Add(number);
            }
        }, server.NoteMemory);
        await CheckAsync(server, "lp", acknowledged, run.Count);
    }

    /// <summary>Of an answer that names refused lines, those that it doesn't name are durable; the first would come first.</summary>
    private static bool TookFirstLine(HttpStatusCode status, string text)
    {
        if (status == HttpStatusCode.NoContent)
        {
            return true;
        }

        var answer = JsonNode.Parse(text)!.AsObject();
        return answer.TryGetPropertyValue("data", out var data) && data is JsonArray refused
            && refused[0]!["line_number"]!.GetValue<long>() != 1;
    }

    private static async Task CheckAsync(FuzzedServer server, string sensors, IReadOnlyCollection<int> acknowledged, int sent)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{sent} bodies, {acknowledged.Count} acknowledged with a reading to look for");
        Assert.InRange(acknowledged.Count, sent / 10, sent);
        for (var sensor = 0; sensor < 8; sensor++)
        {
            var stored = await server.ValuesAsync($"{sensors}-{sensor}");
            Assert.Empty(acknowledged.Where(number => number % 8 == sensor && !stored.Contains(number)).Order());
        }

        await server.CheckAsync();
    }

    private static async Task<(HttpStatusCode Status, string Text)> PostAsync(
        FuzzedServer server, string path, string type, string? encoding, byte[] bytes, bool isChunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(bytes) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        request.Headers.TransferEncodingChunked = isChunked;
        if (encoding is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        }

        using var answer = await server.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        if ((int)answer.StatusCode >= 500)
        {
            Assert.Fail($"{path}, {encoding}: {(int)answer.StatusCode} {text}; {FuzzRun.Show(bytes)}; {await server.FaultAsync()}");
        }

        return (answer.StatusCode, text);
    }

    /// <summary>Since 1970: an hour after 1990 that no other body of the same sensor has, whole in every unit.</summary>
    private static long Hour(int number) => 175_320 + (number / 8);

    private static byte[] Any(byte[][] bodies, Random random) => bodies[random.Next(bodies.Length)];
}
