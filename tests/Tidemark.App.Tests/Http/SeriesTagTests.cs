using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Tidemark.App.Tests.Http;

/// <summary>An answer's tag changes whenever the answer does, whatever changed it.</summary>
public sealed class SeriesTagTests
{
    private const string Week = "/api/series?sensors=a&bucket=hourly&from=2026-11-15T00:00:00Z&to=2026-11-22T00:00:00Z";

    [Fact]
    public async Task Who_has_the_answer_is_told_so_and_asks_again_each_time()
    {
        await using var server = await FilledAsync();
        using var first = await server.Client.GetAsync(Week);
        var tag = first.Headers.ETag!;
        Assert.True(tag.IsWeak);
        Assert.Equal("no-cache, private", first.Headers.CacheControl?.ToString());
        using var again = await AskAsync(server, Week, tag);
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Empty(await again.Content.ReadAsByteArrayAsync());
        Assert.Equal(tag, again.Headers.ETag);
        Assert.Equal(first.Headers.CacheControl, again.Headers.CacheControl);
        Assert.Contains("Accept", again.Headers.Vary);
        Assert.Null(again.Content.Headers.ContentType);
        using var other = await AskAsync(server, Week, new EntityTagHeaderValue("\"something else\""), tag);
        Assert.Equal(HttpStatusCode.NotModified, other.StatusCode);
        using var any = await AskAsync(server, Week, EntityTagHeaderValue.Any);
        Assert.Equal(HttpStatusCode.NotModified, any.StatusCode);
        using var head = new HttpRequestMessage(HttpMethod.Head, Week);
        Assert.Equal(tag, (await server.Client.SendAsync(head)).Headers.ETag);
    }

    [Theory]
    [InlineData("json"), InlineData("rows"), InlineData("csv"), InlineData("ndjson"), InlineData("arrow"), InlineData("parquet")]
    public async Task Every_format_has_a_tag_of_its_own_that_lasts(string format)
    {
        await using var server = await FilledAsync();
        using var first = await server.Client.GetAsync($"{Week}&format={format}");
        using var again = await AskAsync(server, $"{Week}&format={format}", first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        using var other = await AskAsync(server, $"{Week}&format={(format == "csv" ? "json" : "csv")}", first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task Compressed_or_not_the_tag_is_the_same()
    {
        await using var server = await FilledAsync();
        using var plain = await server.Client.GetAsync(Week);
        using var request = new HttpRequestMessage(HttpMethod.Get, Week) { Headers = { AcceptEncoding = { new("br") } } };
        using var packed = await server.Client.SendAsync(request);
        Assert.Equal(["br"], packed.Content.Headers.ContentEncoding);
        Assert.Equal(plain.Headers.ETag, packed.Headers.ETag);
        Assert.Equal(["Accept", "Accept-Encoding"], packed.Headers.Vary.Order());
    }

    [Theory]
    [InlineData("late"), InlineData("refresh"), InlineData("tail"), InlineData("retention"), InlineData("metric")]
    public async Task What_changes_the_answer_changes_the_tag(string change)
    {
        await using var server = await FilledAsync();
        var path = change switch
        {
            "tail" => "/api/series?sensors=a&bucket=hourly&from=2026-11-15T00:00:00Z",
            "retention" => "/api/series?sensors=a&bucket=raw&from=2026-11-15T00:00:00Z",
            _ => Week,
        };
        if (change == "refresh")
        {
            await server.WriteAsync("""{"sensor_id": "a", "time": "2026-11-16T05:06:00Z", "temperature": 99}""");
        }

        using var first = await server.Client.GetAsync(path);
        var before = await first.Content.ReadAsStringAsync();
        switch (change)
        {
            case "late":
                await server.WriteAsync("""{"sensor_id": "a", "time": "2026-11-16T05:06:00Z", "temperature": 99}""");
                break;
            case "tail":
                await server.WriteAsync("""{"sensor_id": "a", "time": "2026-11-22T10:06:00Z", "temperature": 99}""");
                break;
            case "metric":
                await server.Store.RemoveMetricAsync("power_w", CancellationToken.None);
                break;
            case "retention":
                server.Clock.SetUtcNow(new DateTimeOffset(2027, 2, 22, 0, 0, 0, TimeSpan.Zero));
                await server.Store.RetainAsync(CancellationToken.None);
                break;
            default:
                await server.RefreshAsync();
                break;
        }

        using var after = await AskAsync(server, path, first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        Assert.NotEqual(before, await after.Content.ReadAsStringAsync());
    }

    /// <summary>Whatever happens to the store: where the answer is 304, it is the one that the client has.</summary>
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public async Task A_304_never_hides_a_change(int seed)
    {
        await using var server = await FilledAsync();
        var random = new Random(seed);
        string[] paths =
        [
            Week, "/api/series?sensors=*&period=1m&points=100", "/api/series?sensors=a,b&bucket=daily&from=2026-11-01T00:00:00Z&format=csv",
            "/api/series?sensors=b&bucket=raw&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z&format=rows",
        ];
        var known = new Dictionary<string, (EntityTagHeaderValue Tag, byte[] Body)>();
        var (same, others) = (0, 0);
        for (var step = 0; step < 60; step++)
        {
            var path = paths[random.Next(paths.Length)];
            var body = await server.Client.GetByteArrayAsync(path);
            if (known.TryGetValue(path, out var old))
            {
                using var answer = await AskAsync(server, path, old.Tag);
                Assert.Equal(body.AsSpan().SequenceEqual(old.Body), answer.StatusCode == HttpStatusCode.NotModified);
                _ = answer.StatusCode == HttpStatusCode.NotModified ? same++ : others++;
            }

            using var response = await server.Client.GetAsync(path);
            known[path] = (response.Headers.ETag!, await response.Content.ReadAsByteArrayAsync());
            await ChangeAsync(server, random);
        }

        Assert.True(same > 3 && others > 3, $"{same} were the same, {others} were not");
    }

    private static async Task ChangeAsync(RunningServer server, Random random)
    {
        switch (random.Next(8))
        {
            case 0:
                await server.RefreshAsync();
                break;
            case 1:
                await server.Store.CompressAsync(null, CancellationToken.None);
                break;
            case < 5:
                var time = Instant.Utc(2026, 11, 10) + TimeSpan.FromMinutes(random.Next(12 * 24 * 60));
                var value = random.Next(3).ToString(CultureInfo.InvariantCulture);
                await server.WriteAsync($$"""{"sensor_id": "{{"ab"[random.Next(2)]}}", "time": "{{time}}", "temperature": {{value}}}""");
                break;
        }
    }

    private static async Task<RunningServer> FilledAsync()
    {
        var server = await RunningServer.StartAsync(("retention", "60d"));
        var lines = Enumerable.Range(0, 14 * 24).Select(hour => Instant.Utc(2026, 11, 8) + TimeSpan.FromHours(hour)).SelectMany(
            time => new[] { "a", "b" }.Select(id => $$"""{"sensor_id": "{{id}}", "time": "{{time}}", "temperature": 1, "power_w": 2}"""));
        await server.WriteAsync(string.Join('\n', lines), "application/x-ndjson");
        await server.RefreshAsync();
        return server;
    }

    private static async Task<HttpResponseMessage> AskAsync(RunningServer server, string path, params EntityTagHeaderValue[] tags)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var tag in tags)
        {
            request.Headers.IfNoneMatch.Add(tag);
        }

        return await server.Client.SendAsync(request);
    }
}
