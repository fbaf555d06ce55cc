using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Cli;

public sealed class KeyCommandTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private string KeyPath => Path.Combine(_folder.Path, "tidemark-keys.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_key_is_made_listed_and_revoked_and_its_secret_is_kept_nowhere()
    {
        Assert.Equal("there are no keys: tidemark key add makes one\n", await _folder.SucceedAsync("key", "list"));
        var key = (await _folder.SucceedAsync("key", "add", "a gateway", "--scope", "write", "read")).TrimEnd();
        Assert.Matches("^tmk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$", key);
        var listed = JsonDocument.Parse(await _folder.SucceedAsync("key", "list", "--json")).RootElement[0];
        Assert.Equal(("a gateway", "write read", key[4..12]), (listed.GetProperty("name").GetString(), string.Join(
            ' ',
            listed.GetProperty("scopes").EnumerateArray()), listed.GetProperty("id").GetString()));
        Assert.DoesNotContain(key[13..], await File.ReadAllTextAsync(KeyPath), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
        }

        Assert.Equal($"revoked {key[4..12]}, a gateway\n", await _folder.SucceedAsync("key", "revoke", "a gateway"));
        Assert.Equal("there are no keys: tidemark key add makes one\n", await _folder.SucceedAsync("key", "list"));
    }

    [Theory]
    [InlineData(1, "there is a key 'a' already: revoke it first, or choose another name", "key", "add", "a")]
    [InlineData(1, "there is no key 'b': tidemark key list shows them", "key", "revoke", "b")]
    [InlineData(
        2,
        "NAME is 1 to 100 characters without control characters or spaces at its ends; see tidemark key add --help",
        "key",
        "add",
        " ")]
    public async Task What_is_wrong_is_said_in_one_line(int exitCode, string line, params string[] arguments)
    {
        await _folder.SucceedAsync("key", "add", "a");
        var result = await _folder.RunAsync(arguments);
        Assert.Equal((exitCode, $"tidemark: {line}\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task With_a_key_an_open_address_is_served_and_only_the_key_opens_it()
    {
        var refused = await _folder.RunAsync("serve", "--urls", "http://0.0.0.0:0");
        Assert.Equal(
            "tidemark: http://0.0.0.0:0 can be reached from other machines and nothing would guard it: make a key with tidemark key add, "
                + "use http://127.0.0.1:0, or --insecure if that is meant\n",
            refused.Error);
        var key = (await _folder.SucceedAsync("key", "add", "dashboard")).TrimEnd();
        var server = _folder.Start("serve", "--urls", "http://0.0.0.0:0");
        var url = (await server.UrlAsync()).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal);
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        using (var without = await http.GetAsync("/api/sensors"))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        }

        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using (var with = await http.GetAsync("/api/sensors"))
        {
            Assert.Equal(HttpStatusCode.OK, with.StatusCode);
        }

        await _folder.SucceedAsync("key", "revoke", "dashboard");
        using var revoked = await http.GetAsync("/api/sensors");
        Assert.Equal(HttpStatusCode.Unauthorized, revoked.StatusCode);
        Assert.DoesNotContain(key[13..], (await server.TerminateAsync()).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_sends_wrong_keys_is_logged_twice_a_minute_at_most_and_the_keys_are_not()
    {
        await _folder.SucceedAsync("key", "add", "dashboard");
        await _folder.SucceedAsync("init");
        var server = _folder.Start([("TIDEMARK_SERVER__TRUSTED_PROXIES", "127.0.0.1/32")], "serve", "--urls", "http://127.0.0.1:0");
        using var http = new HttpClient
        {
            BaseAddress = new Uri(await server.UrlAsync()),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", "tmk_00000000_guessed") }
        };
        http.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.7");
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/api/sensors")).StatusCode);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await http.GetAsync("/api/sensors")).StatusCode);
        var log = (await server.TerminateAsync()).Error;
        Assert.Single(Regex.Matches(log, "a key that is wrong or revoked came from 203\\.0\\.113\\.7\n"));
        Assert.Single(Regex.Matches(log, "20 wrong keys came from 203\\.0\\.113\\.7: more of this minute are answered 429\n"));
        Assert.DoesNotContain("guessed", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_reach_a_guarded_server_by_the_file_that_it_left_for_its_owner_or_by_a_key()
    {
        var key = (await _folder.SucceedAsync("key", "add", "operator", "--scope", "admin")).TrimEnd();
        var server = await _folder.ServeAsync();
        await _folder.SucceedAsync("generate", "--days", "1", "--sensors", "1", "--interval", "3600");
        var elsewhere = await server.UrlAsync();
        var without = await _folder.RunAsync("status", "--store", elsewhere);
        Assert.Equal(
            (1, "tidemark: this server asks for a key: send Authorization: Bearer KEY; tidemark key add makes one\n"),
            (without.ExitCode, without.Error));
        var with = await _folder.Start([("TIDEMARK_KEY", key)], "status", "--store", elsewhere).EndAsync();
        Assert.True(with.ExitCode == 0, with.Error);
    }
}
