using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>
/// A server as a process of its own, whose memory can be measured. It takes few sensors, so that what grows is not the number of those that
/// broken ids make up.
/// </summary>
internal sealed partial class FuzzedServer : IDisposable
{
    private const string Settings = """
        {
          "max_sensors": 2000,
          "server": { "max_body": "8MiB" },
          "mqtt": {
            "topics": [
              { "topic": "site/{sensor}/{metric}", "format": "value" },
              { "topic": "lab/{sensor}", "time_unit": "s" },
              { "topic": "telegraf/#", "format": "influx" }
            ]
          }
        }
        """;

    // An answer that takes longer is none.
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly CliFolder _folder;
    private readonly CliProcess _process;
    private long _early;

    private FuzzedServer(CliFolder folder, CliProcess process, string url)
    {
        (_folder, _process) = (folder, process);
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 32 }) { BaseAddress = new Uri(url), Timeout = Patience };
    }

    public HttpClient Client { get; }

    public static async Task<FuzzedServer> StartAsync(params string[] arguments)
    {
        var folder = new CliFolder();
        folder.Write("tidemark.json", Settings);
        var process = await folder.ServeAsync(arguments);
        return new FuzzedServer(folder, process, await process.UrlAsync());
    }

    /// <summary>What later memory is held against.</summary>
    public void NoteMemory() => _early = Resident();

    /// <summary>It answers, and has not grown much since <see cref="NoteMemory"/>.</summary>
    public async Task CheckAsync()
    {
        Assert.Equal("healthy", (await GetAsync("/api/health"))["status"]!.GetValue<string>());
        var now = Resident();
        TestContext.Current.TestOutputHelper?.WriteLine($"resident: {_early >> 20} MiB after a tenth, {now >> 20} MiB after all");
        Assert.InRange(now, 1, (_early * 3 / 2) + (64 << 20));
    }

    /// <summary>What the log says of the server's fault, whose answer says nothing.</summary>
    public async Task<string> FaultAsync() => (await _process.WaitForAsync(Fault())).Value;

    /// <summary>Readings in the store.</summary>
    public async Task<long> RowsAsync() => (await GetAsync("/api/status"))["hypertables"]![0]!["rows"]!.GetValue<long>();

    /// <summary>The values of <c>v</c> of all readings of a sensor.</summary>
    public async Task<HashSet<long>> ValuesAsync(string sensor)
    {
        var rows = await GetAsync($"/api/sensors/{sensor}/raw?from=1990-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&metrics=v");
        Assert.False(rows["truncated"]?.GetValue<bool>() ?? false);
        return [.. rows["data"]!.AsArray().Where(r => r!["v"] is not null).Select(r => (long)r!["v"]!.GetValue<double>())];
    }

    public async Task<JsonNode> GetAsync(string path)
    {
        using var answer = await Client.GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    public void Dispose()
    {
        Client.Dispose();
        _folder.Dispose();
    }

    public long Resident() => Resident(_process.Id);

    public static long Resident(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"fail: [^\n]*(\n[^\n]*){0,9}")]
    private static partial Regex Fault();
}
