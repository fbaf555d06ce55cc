using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/azure/blob.sh against a server that stands for the metadata service and the storage account.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class BlobTests : IDisposable
{
    private const string Token = "eyJ0.token.of-the-vm";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-blob-");
    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, byte[]> _blocks = new();
    private readonly ConcurrentDictionary<string, byte[]> _blobs = new();
    private readonly ConcurrentQueue<string> _refused = new();
    private readonly ConcurrentQueue<string> _ranges = new();
    private readonly string _address;
    private string _token = Token;
    private int _tokens;

    /// <summary>After so many ranges of a blob the account refuses every further one.</summary>
    private int _rangesLeft = int.MaxValue;

    /// <summary>So many requests a token is good for.</summary>
    private int _requestsOfToken = int.MaxValue;
    private int _requestsLeft = int.MaxValue;

    public BlobTests()
    {
        using (var socket = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
        {
            socket.Start();
            _address = $"http://127.0.0.1:{((IPEndPoint)socket.LocalEndpoint).Port}";
        }

        _listener.Prefixes.Add($"{_address}/");
        _listener.Start();
        _ = ServeAsync();
    }

    public void Dispose()
    {
        _listener.Close();
        _root.Delete(recursive: true);
    }

    [Fact]
    public async Task A_file_goes_up_in_blocks_and_comes_back_as_it_was()
    {
        var file = Write("iotdata-20260131T020000Z-timescaledb-2.32.0.dump", (2 << 20) + 12345);
        var put = await RunAsync("put", file);
        Assert.True(put.ExitCode == 0, put.Error);
        Assert.Equal($"{_address}/backups/{Path.GetFileName(file)}\n", put.Output);
        Assert.Equal(3, _blocks.Count);

        Assert.Equal($"{Path.GetFileName(file)}\n", (await RunAsync("list")).Output);

        var folder = _root.CreateSubdirectory("fetched").FullName;
        var get = await RunAsync("get", Path.GetFileName(file), folder);
        Assert.True(get.ExitCode == 0, get.Error);
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(get.Output.TrimEnd('\n')));
        Assert.Equal(1, (await RunAsync("get", Path.GetFileName(file), folder)).ExitCode);
        Assert.Empty(_refused);
    }

    /// <summary>One request for the whole of a blob ends with its time limit, and would begin anew.</summary>
    [Fact]
    public async Task A_fetch_that_broke_off_goes_on_where_it_was()
    {
        var file = Write("a.dump", (3 << 20) + 5);
        await RunAsync("put", file);
        var folder = _root.CreateSubdirectory("fetched").FullName;
        _rangesLeft = 2;
        var broken = await RunAsync("get", "a.dump", folder);
        Assert.Equal(1, broken.ExitCode);
        Assert.Contains(
            "blob.sh: a.dump: bytes 2097152 to 3145727 were refused, try again: AuthorizationFailure",
            broken.Error,
            StringComparison.Ordinal);
        Assert.EndsWith(".partial", Assert.Single(Directory.GetFiles(folder)), StringComparison.Ordinal);

        _rangesLeft = int.MaxValue;
        var get = await RunAsync("get", "a.dump", folder);
        Assert.True(get.ExitCode == 0, get.Error);
        Assert.Equal(["bytes=0-1048575", "bytes=1048576-2097151", "bytes=2097152-3145727", "bytes=3145728-3145732"], _ranges);
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder))));
    }

    [Fact]
    public async Task A_blob_that_was_overwritten_is_fetched_from_its_beginning()
    {
        await RunAsync("put", Write("a.dump", 2 << 20));
        var folder = _root.CreateSubdirectory("fetched").FullName;
        _rangesLeft = 1;
        await RunAsync("get", "a.dump", folder);
        _rangesLeft = int.MaxValue;
        var other = Write("a.dump", (2 << 20) + 1);
        await RunAsync("put", other);
        var get = await RunAsync("get", "a.dump", folder);
        Assert.True(get.ExitCode == 0, get.Error);
        Assert.Equal(File.ReadAllBytes(other), File.ReadAllBytes(Path.Combine(folder, "a.dump")));
    }

    [Theory]
    [InlineData("put"), InlineData("get")]
    public async Task A_long_transfer_signs_in_again(string verb)
    {
        var file = Write("a.dump", 6 << 20);
        var folder = _root.CreateSubdirectory("fetched").FullName;
        if (verb == "get")
        {
            await RunAsync("put", file);
        }

        _requestsOfToken = 2;
        var result = await RunAsync([("TIDEMARK_TOKEN_SECONDS", "0")], verb == "put" ? ["put", file] : ["get", "a.dump", folder]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.True(_tokens > 2, $"{_tokens} tokens");
    }

    /// <summary>The database may lie on the disk that the backup is fetched to.</summary>
    [Fact]
    public async Task Where_room_is_short_nothing_is_fetched()
    {
        await RunAsync("put", Write("a.dump", 2 << 20));
        var folder = _root.CreateSubdirectory("fetched").FullName;
        var df = Path.Combine(_root.CreateSubdirectory("bin").FullName, "df");
        File.WriteAllText(df, "#!/bin/sh\nprintf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/sdc 102400 0 11264 "
            + "0%% /\\n'\n");
        File.SetUnixFileMode(df, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var path = $"{Path.GetDirectoryName(df)}:{Environment.GetEnvironmentVariable("PATH")}";
        var result = await RunAsync([("PATH", path)], "get", "a.dump", folder);
        Assert.Equal((1, $"blob.sh: the disk of {folder} has no room for the 2 MiB of a.dump\n"), (result.ExitCode, result.Error));
        Assert.Empty(_ranges);
    }

    [Fact]
    public async Task What_the_account_refuses_is_said_and_no_blob_is_left()
    {
        var file = Write("a.dump", 1000);
        _token = "another";
        var result = await RunAsync("put", file);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("blob.sh: a.dump: block 0 was refused: AuthorizationFailure", result.Error, StringComparison.Ordinal);
        Assert.Empty(_blobs);
    }

    [Fact]
    public async Task A_VM_without_an_identity_is_told_so()
    {
        _token = "";
        var result = await RunAsync("list");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("blob.sh: the VM has no managed identity", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_there_leaves_no_file()
    {
        var result = await RunAsync("get", "b.dump", _root.FullName);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("b.dump could not be fetched", result.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_root.FullName));
    }

    private string Write(string name, int length)
    {
        var file = Path.Combine(_root.FullName, name);
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        File.WriteAllBytes(file, bytes);
        return file;
    }

    private Task<CliResult> RunAsync(params string[] arguments) => RunAsync([], arguments);

    private Task<CliResult> RunAsync((string, string?)[] environment, params string[] arguments)
    {
        Tool.Require(Tool.Find("curl") is not null, "curl");
        return Tool.RunAsync(Repository.PathOf("deploy/azure/blob.sh"), arguments, null, null,
        [
            ("TIDEMARK_BACKUP_CONTAINER", $"{_address}/backups"), ("TIDEMARK_METADATA", _address), ("TIDEMARK_CLIENT_ID",
            "11111111-2222-3333-4444-555555555555"),
            ("TIDEMARK_BLOCK_MIB", "1"), ("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1"), .. environment,
        ]);
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body);
            var (status, answer) = Answer(context, body.ToArray());
            if (status >= 400)
            {
                _refused.Enqueue($"{status} {context.Request.RawUrl}");
            }

            context.Response.StatusCode = status;
            if (context.Request.HttpMethod == "HEAD")
            {
                context.Response.ContentLength64 = answer.Length;
                context.Response.Close();
            }
            else
            {
                context.Response.Close(answer, willBlock: false);
            }
        }
    }

    private (int Status, byte[] Body) Answer(HttpListenerContext context, byte[] body)
    {
        var request = context.Request;
        var query = request.QueryString;
        var path = request.Url!.AbsolutePath;
        if (path == "/metadata/identity/oauth2/token")
        {
            var asked = request.Headers["Metadata"] == "true" && query["resource"] == "https://storage.azure.com/"
                && query["client_id"] == "11111111-2222-3333-4444-555555555555";
            _tokens++;
            _requestsLeft = _requestsOfToken;
            var answer = $$"""{"access_token":"{{_token}}","expires_in":"86399","token_type":"Bearer"}""";
            return asked && _token.Length > 0 ? (200, Encoding.UTF8.GetBytes(answer)) : (400, []);
        }

        if (_requestsLeft-- <= 0 || request.Headers["Authorization"] != $"Bearer {Token}" || request.Headers["x-ms-version"] is null
            || !DateTimeOffset.TryParse(request.Headers["x-ms-date"], out _))
        {
            return (403, "AuthorizationFailure"u8.ToArray());
        }

        var name = path.Split('/')[^1];
        switch (request.HttpMethod, query["comp"])
        {
            case ("PUT", "block"):
                _blocks[query["blockid"]!] = body;
                return (201, []);
            case ("PUT", "blocklist"):
                _blobs[name] = [.. BlockId().Matches(Encoding.UTF8.GetString(body)).SelectMany(m => _blocks[m.Groups[1].Value])];
                return (201, []);
            case ("GET", "list"):
                return (200, Encoding.UTF8.GetBytes($"<Blobs>{string.Concat(_blobs.Keys.Select(k
                    => $"<Blob><Name>{k}</Name></Blob>"))}</Blobs>"));
            default:
                return Read(context, name);
        }
    }

    /// <summary>As the account does: 206 and the bytes of the range, or 200 and all of them.</summary>
    private (int Status, byte[] Body) Read(HttpListenerContext context, string name)
    {
        if (!_blobs.TryGetValue(name, out var blob))
        {
            return (404, "BlobNotFound"u8.ToArray());
        }

        var etag = $"\"0x{Convert.ToHexString(SHA256.HashData(blob))[..15]}\"";
        context.Response.Headers["ETag"] = etag;
        if (context.Request.HttpMethod == "HEAD")
        {
            return (200, blob);
        }

        if (context.Request.Headers["If-Match"] is { } expected && expected != etag)
        {
            return (412, "ConditionNotMet"u8.ToArray());
        }

        if (!RangeHeaderValue.TryParse(context.Request.Headers["Range"], out var header))
        {
            return (200, blob);
        }

        if (_rangesLeft-- <= 0)
        {
            return (403, "AuthorizationFailure"u8.ToArray());
        }

        _ranges.Enqueue($"{header}");
        var range = header.Ranges.Single();
        var (from, to) = ((int)range.From!.Value, (int)Math.Min(range.To!.Value, blob.Length - 1));
        context.Response.Headers["Content-Range"] = $"bytes {from}-{to}/{blob.Length}";
        return (206, blob[from..(to + 1)]);
    }

    [GeneratedRegex("<Latest>([^<]+)</Latest>")]
    private static partial Regex BlockId();
}
