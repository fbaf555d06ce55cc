using System.Net;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Http;

/// <summary>How the files of the page come to a browser.</summary>
public sealed class PageTests : IAsyncLifetime
{
    private const string Browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(Browser, "text/html"), InlineData("text/html", "text/html")]
    [InlineData(null, "application/json"), InlineData("*/*", "application/json"), InlineData("application/json", "application/json")]
    [InlineData("application/json, text/html;q=0.5", "application/json"), InlineData("text/html;q=0", "application/json")]
    public async Task Browsers_get_the_page_and_other_clients_the_index(string? accept, string type)
    {
        using var answer = await SendAsync("/", ("Accept", accept));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("Accept", answer.Headers.Vary);
    }

    [Fact]
    public async Task The_page_runs_and_loads_nothing_but_what_the_server_has()
    {
        using var answer = await SendAsync("/", ("Accept", Browser));
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("default-src 'self'; ", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        var html = await answer.Content.ReadAsStringAsync();
        Assert.All(Regex.Matches(html, "<script[^>]*>"), m => Assert.Contains(" src=\"/page/", m.Value, StringComparison.Ordinal));
        Assert.DoesNotContain("<style", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("""\s(style|on[a-z]+)="|https?:""", html);
    }

    [Fact]
    public async Task Every_file_that_the_page_and_its_modules_name_is_there_and_kept_for_good()
    {
        var seen = new HashSet<string>();
        var open = new Queue<string>(Named(await PageAsync()));
        while (open.TryDequeue(out var path))
        {
            if (!seen.Add(path))
            {
                continue;
            }

            using var answer = await SendAsync(path);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {(int)answer.StatusCode}");
            Assert.Equal("public, max-age=31536000, immutable", answer.Headers.CacheControl?.ToString());
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            if (path.EndsWith(".js", StringComparison.Ordinal))
            {
                Assert.Equal("text/javascript", answer.Content.Headers.ContentType?.MediaType);
                var folder = path[..(path.LastIndexOf('/') + 1)];
                foreach (Match import in Regex.Matches(await answer.Content.ReadAsStringAsync(), @"(?:from|import\() ?'\./([a-z]+\.js)'"))
                {
                    open.Enqueue(folder + import.Groups[1].Value);
                }
            }
        }

        Assert.Contains(seen, p => p.EndsWith("/store.js", StringComparison.Ordinal));
        Assert.Contains(seen, p => p.EndsWith("/app.css", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("gzip, deflate, br, zstd", "br"), InlineData("gzip;q=0.5", "gzip")]
    [InlineData("br;q=0, identity", null), InlineData(null, null)]
    public async Task Files_come_compressed_to_who_takes_that(string? accept, string? encoding)
    {
        var chart = Regex.Replace(Named(await PageAsync()).First(), "/[^/]+$", "/echarts.js");
        using var answer = await SendAsync(chart, ("Accept-Encoding", accept));
        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Contains("Accept-Encoding", answer.Headers.Vary);
        var length = answer.Content.Headers.ContentLength!.Value;
        Assert.InRange(length, encoding is null ? 1_000_000 : 200_000, encoding is null ? 1_300_000 : 420_000);
    }

    [Fact]
    public async Task A_page_that_is_the_same_is_not_sent_again()
    {
        using var first = await SendAsync("/", ("Accept", Browser), ("Accept-Encoding", "br"));
        Assert.Equal("no-cache", first.Headers.CacheControl?.ToString());
        var tag = first.Headers.ETag!.ToString();
        using var again = await SendAsync("/", ("Accept", Browser), ("Accept-Encoding", "br"), ("If-None-Match", tag));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Empty(await again.Content.ReadAsByteArrayAsync());
        using var plain = await SendAsync("/", ("Accept", Browser), ("If-None-Match", tag));
        Assert.Equal(HttpStatusCode.OK, plain.StatusCode);
    }

    [Theory]
    [InlineData("/page/0000000000000000/app.js"), InlineData("/page/x/../../etc/passwd"), InlineData("/page/VERSION/nothing.js"),
        InlineData("/page/VERSION/index.html"), InlineData("/page/VERSION/..%2Fapp.js")]
    public async Task Other_versions_and_other_names_are_not_there(string path)
    {
        var version = Named(await PageAsync()).First().Split('/')[2];
        using var answer = await SendAsync(path.Replace("VERSION", version, StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task It_is_told_under_which_licence_the_charts_are()
    {
        using var answer = await SendAsync(Regex.Replace(Named(await PageAsync()).First(), "/[^/]+$", "/licenses.txt"));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("Apache ECharts", text, StringComparison.Ordinal);
        Assert.Contains("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION", text, StringComparison.Ordinal);
    }

    private async Task<string> PageAsync()
    {
        using var answer = await SendAsync("/", ("Accept", Browser));
        return await answer.Content.ReadAsStringAsync();
    }

    private static IEnumerable<string> Named(string html)
        => Regex.Matches(html, """(?:src|href)="(/page/[^"]+)""").Select(m => m.Groups[1].Value);

    private Task<HttpResponseMessage> SendAsync(string path, params (string Name, string? Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value is null ? [] : [value]);
        }

        return _server.Client.SendAsync(request);
    }
}
