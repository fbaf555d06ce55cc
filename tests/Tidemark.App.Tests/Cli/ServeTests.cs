using System.Net;
using System.Net.Sockets;
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
}
