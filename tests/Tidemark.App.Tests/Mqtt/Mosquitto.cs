using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>Debian's broker, as a process of its own in a folder of its own, and its clients.</summary>
internal sealed partial class Mosquitto : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-mosquitto-").FullName;
    private CliProcess? _process;

    private Mosquitto(int port) => Port = port;

    public int Port { get; }

    public string Address => $"mqtt://127.0.0.1:{Port}";

    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <param name="settings">Lines of its configuration, besides where it listens.</param>
    public static async Task<Mosquitto> StartAsync(params string[] settings)
    {
        RequireClients();
        var broker = new Mosquitto(FreePort());
        await broker.StartAgainAsync(settings);
        return broker;
    }

    /// <summary>Skips the test where the programs aren't there.</summary>
    public static void RequireClients() => Tool.Require(
        Find("mosquitto") is not null && Find("mosquitto_pub") is not null && Find("mosquitto_sub") is not null, "mosquitto");

    /// <summary>With what it kept, where it was.</summary>
    public async Task StartAgainAsync(params string[] settings)
    {
        string[] lines =
        [
            $"listener {Port} 127.0.0.1", "allow_anonymous true", "persistence true", $"persistence_location {_folder}/",
            // Else root's process becomes another user's, who may not write here.
            "user root",
            "max_queued_messages 0", "log_dest stderr", "log_type information", "log_type error", .. settings,
        ];
        await File.WriteAllLinesAsync(PathOf("mosquitto.conf"), lines);
        _process = Tool.Start(Find("mosquitto")!, ["-c", PathOf("mosquitto.conf")]);
        await _process.WaitForAsync(Running());
    }

    /// <summary>Stops it in order: it keeps its sessions.</summary>
    public async Task StopAsync() => await _process!.TerminateAsync();

    public void Dispose()
    {
        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Publishes and waits for the acknowledgement, if there is to be one.</summary>
    public static Task<CliResult> PublishAsync(int port, string topic, string payload, params string[] options)
        => Tool.RunAsync(Find("mosquitto_pub")!, ["-p", $"{port}", "-t", topic, "-m", payload, .. options]);

    public static CliProcess Start(string program, int port, params string[] options)
        => Tool.Start(Find(program)!, ["-p", $"{port}", .. options]);

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // Debian keeps servers where not every search path looks.
    public static string? Find(string program)
        => Tool.Find(program) ?? (File.Exists($"/usr/sbin/{program}") ? $"/usr/sbin/{program}" : null);

    [GeneratedRegex("mosquitto version .* running")]
    private static partial Regex Running();
}
