using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Tidemark.App.Tests.Cli;

public sealed class HealthTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_server_whose_store_answers_is_healthy()
    {
        var server = await _folder.ServeAsync();
        var port = new Uri(await server.UrlAsync()).Port;
        Assert.Equal($"http://127.0.0.1:{port} is healthy\n", await _folder.SucceedAsync("health", "--port", $"{port}"));

        var json = JsonDocument.Parse(await _folder.SucceedAsync("health", "--port", $"{port}", "--json")).RootElement;
        Assert.Equal("healthy", json.GetProperty("status").GetString());
    }

    [Fact]
    public async Task An_unhealthy_server_is_a_failure_that_says_why()
    {
        using var server = Answering(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            + """{"status":"unhealthy","service":"tidemark","timestamp":"2026-01-01T00:00:00Z","""
            + """ "error":"the store gave no answer in 5 s"}""");
        var result = await _folder.RunAsync("health", "--port", $"{server.Port}");
        Assert.Equal($"tidemark: http://127.0.0.1:{server.Port} is unhealthy: the store gave no answer in 5 s\n", result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task A_server_whose_maintenance_is_late_is_healthy_and_says_so()
    {
        using var server = Answering(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            + """{"status":"healthy","service":"tidemark","timestamp":"2026-01-01T00:00:00Z","""
            + """ "maintenance":{"state":"late","problems":["refresh hourly has stopped","retain failed"]}}""");
        Assert.Equal(
            $"http://127.0.0.1:{server.Port} is healthy; its maintenance is late: refresh hourly has stopped, retain failed (tidemark "
                + "status says why)\n",
            await _folder.SucceedAsync("health", "--port", $"{server.Port}"));
    }

    [Fact]
    public async Task Without_a_server_it_fails()
    {
        var port = 0;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        var result = await _folder.RunAsync("health", "--port", $"{port}");
        Assert.StartsWith($"tidemark: no server answers at http://127.0.0.1:{port}", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.ExitCode);
    }

    private static OneAnswer Answering(string response) => new(response);

    /// <summary>Listens on a free port and answers the first request with these bytes.</summary>
    private sealed class OneAnswer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public OneAnswer(string response)
        {
            _listener.Start();
            _ = Task.Run(async () =>
            {
                using var client = await _listener.AcceptTcpClientAsync();
                var stream = client.GetStream();
                await stream.ReadAtLeastAsync(new byte[4096], 1);
                await stream.WriteAsync(Encoding.ASCII.GetBytes(response));
            });
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose() => _listener.Dispose();
    }
}
