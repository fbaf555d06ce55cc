using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Tidemark.App.Tests.Cli;

public sealed class ServeTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private string ServerFile => Path.Combine(_folder.Data, "server.json");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Ctrl_C_and_SIGTERM_end_it_cleanly(bool interrupt)
    {
        var server = await _folder.ServeAsync();
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        Assert.Contains("healthy", await http.GetStringAsync("/api/health"), StringComparison.Ordinal);

        var result = await (interrupt ? server.InterruptAsync() : server.TerminateAsync());
        Assert.Equal(0, result.ExitCode);
        Assert.Equal($"listening on {http.BaseAddress.ToString().TrimEnd('/')}; Ctrl+C ends\n", result.Output);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(ServerFile));
    }

    [Fact]
    public async Task It_writes_nothing_into_the_home_folder_and_warns_of_nothing()
    {
        var home = Directory.CreateDirectory(Path.Combine(_folder.Path, "home")).FullName;
        await _folder.SucceedAsync("init");
        var server = _folder.Start([("HOME", home), ("TIDEMARK_SERVER__URLS", "http://127.0.0.1:0")], "serve");
        await server.UrlAsync();
        Assert.DoesNotContain("warn", (await server.TerminateAsync()).Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
    }

    [Fact]
    public async Task It_names_itself_in_a_file_that_only_its_owner_reads()
    {
        var server = await _folder.ServeAsync();
        var file = JsonDocument.Parse(await File.ReadAllTextAsync(ServerFile)).RootElement;
        Assert.Equal(await server.UrlAsync(), file.GetProperty("url").GetString());
        Assert.Equal(server.Id, file.GetProperty("pid").GetInt32());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(ServerFile));
        }
    }

    [Fact]
    public async Task A_port_in_use_is_one_line_that_says_what_to_do()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://{listener.LocalEndpoint}";
        var result = await _folder.RunAsync("serve", "--urls", url);
        Assert.Equal(
            $"tidemark: {url}: the port is in use by another program: stop that, or listen elsewhere with --urls http://127.0.0.1:5001\n",
            result.Error);
        Assert.Equal(1, result.ExitCode);
        Assert.False(File.Exists(ServerFile));
    }

    [Theory]
    [InlineData("http://0.0.0.0:0"),
        InlineData("http://*:0"),
        InlineData("http://192.0.2.1:80"),
        InlineData("nonsense"),
        InlineData("https://127.0.0.1:0")]
    public async Task An_open_or_malformed_address_is_refused(string urls)
    {
        var result = await _folder.RunAsync("serve", "--urls", urls);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("tidemark: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(urls, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task An_open_address_is_served_when_asked_for_expressly()
    {
        var server = _folder.Start("serve", "--urls", "http://0.0.0.0:0", "--insecure");
        await server.UrlAsync();
        var url = JsonDocument.Parse(await File.ReadAllTextAsync(ServerFile)).RootElement.GetProperty("url").GetString();
        Assert.StartsWith("http://127.0.0.1:", url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_is_served_is_not_served_twice()
    {
        var server = await _folder.ServeAsync();
        var result = await _folder.RunAsync("serve", "--urls", "http://127.0.0.1:0");
        Assert.Equal($"tidemark: duckdb:{_folder.Data} is served already on {await server.UrlAsync()} by process {server.Id}: use that "
            + "one, or stop it first\n", result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task A_file_that_a_killed_server_left_is_of_no_account()
    {
        await _folder.SucceedAsync("init");
        await File.WriteAllTextAsync(ServerFile, """{"url":"http://127.0.0.1:9","pid":999999999}""");
        await _folder.SucceedAsync("status");
        var server = await _folder.ServeAsync();
        Assert.Equal(0, (await server.InterruptAsync()).ExitCode);
        Assert.False(File.Exists(ServerFile));
    }

    [Fact]
    public async Task Told_to_stop_it_says_so_and_ends_what_runs_and_answers_until_then()
    {
        _folder.Write("tidemark.json", """{ "server": { "drain": "2s" } }""");
        var server = await _folder.ServeAsync();
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        Assert.Equal((HttpStatusCode.OK, "alive"), await HealthAsync(http, "live"));
        Assert.Equal((HttpStatusCode.OK, "healthy"), await HealthAsync(http, "ready"));
        using var slow = new SlowLines("""{"sensor_id":"a","time":"2026-11-22T10:00:00Z","temperature":20}""");
        var writing = http.PostAsync("/api/readings", slow);
        await slow.Begun;

        var ended = server.TerminateAsync();
        while (await HealthAsync(http, "ready") != (HttpStatusCode.ServiceUnavailable, "stopping"))
        {
            await Task.Delay(20);
        }

        Assert.Equal((HttpStatusCode.OK, "alive"), await HealthAsync(http, "live"));
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/api/health")).StatusCode);

        // Behind the drain no new request is taken; the one that runs is.
        await Task.Delay(2500);
        await Assert.ThrowsAsync<HttpRequestException>(() => new HttpClient().GetAsync(new Uri(http.BaseAddress, "/api/health")));
        slow.End("""{"sensor_id":"a","time":"2026-11-22T10:01:00Z","temperature":21}""");
        using var answer = await writing;
        Assert.Contains("\"written\":2,", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var result = await ended;
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("2 readings", await _folder.SucceedAsync("status"), StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, string Says)> HealthAsync(HttpClient http, string which)
    {
        using var answer = await http.GetAsync($"/api/health/{which}");
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return (answer.StatusCode, json.RootElement.GetProperty("status").GetString()!);
    }

    /// <summary>A body of two lines, the second of which comes when the test says so.</summary>
    private sealed class SlowLines : HttpContent
    {
        private readonly string _first;
        private readonly TaskCompletionSource _begun = new();
        private readonly TaskCompletionSource<string> _last = new();

        public SlowLines(string first)
        {
            _first = first;
            Headers.ContentType = new("application/x-ndjson");
        }

        public Task Begun => _begun.Task;

        public void End(string last) => _last.SetResult(last);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes($"{_first}\n"));
            await stream.FlushAsync();
            _begun.SetResult();
            await stream.WriteAsync(Encoding.UTF8.GetBytes(await _last.Task));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
