using System.Collections.Concurrent;
using System.Net;
using System.Runtime.Versioning;
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
    private readonly string _address;
    private string _token = Token;

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

    private Task<CliResult> RunAsync(params string[] arguments)
    {
        Tool.Require(Tool.Find("curl") is not null, "curl");
        return Tool.RunAsync(Repository.PathOf("deploy/azure/blob.sh"), arguments, null, null,
        [
            ("TIDEMARK_BACKUP_CONTAINER", $"{_address}/backups"), ("TIDEMARK_METADATA", _address), ("TIDEMARK_CLIENT_ID", "11111111-2222-3333-4444-555555555555"),
            ("TIDEMARK_BLOCK_MIB", "1"), ("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1"),
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
            var (status, answer) = Answer(context.Request, body.ToArray());
            if (status >= 400)
            {
                _refused.Enqueue($"{status} {context.Request.RawUrl}");
            }

            context.Response.StatusCode = status;
            context.Response.Close(answer, willBlock: false);
        }
    }

    private (int Status, byte[] Body) Answer(HttpListenerRequest request, byte[] body)
    {
        var query = request.QueryString;
        var path = request.Url!.AbsolutePath;
        if (path == "/metadata/identity/oauth2/token")
        {
            var asked = request.Headers["Metadata"] == "true" && query["resource"] == "https://storage.azure.com/" && query["client_id"] == "11111111-2222-3333-4444-555555555555";
            return asked && _token.Length > 0 ? (200, Encoding.UTF8.GetBytes($$"""{"access_token":"{{_token}}","expires_in":"86399","token_type":"Bearer"}""")) : (400, []);
        }

        if (request.Headers["Authorization"] != $"Bearer {Token}" || request.Headers["x-ms-version"] is null || !DateTimeOffset.TryParse(request.Headers["x-ms-date"], out _))
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
                return (200, Encoding.UTF8.GetBytes($"<Blobs>{string.Concat(_blobs.Keys.Select(k => $"<Blob><Name>{k}</Name></Blob>"))}</Blobs>"));
            default:
                return _blobs.TryGetValue(name, out var blob) ? (200, blob) : (404, "BlobNotFound"u8.ToArray());
        }
    }

    [GeneratedRegex("<Latest>([^<]+)</Latest>")]
    private static partial Regex BlockId();
}
