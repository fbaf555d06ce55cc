using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Between a client and the server: loses a connection after a COMMIT went through and before its answer did.</summary>
internal sealed class LosingRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly NpgsqlConnectionStringBuilder _server;
    private readonly Task _accepting;
    private int _losing;

    public LosingRelay(NpgsqlConnectionStringBuilder server)
    {
        _server = server;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string ConnectionString => new NpgsqlConnectionStringBuilder(_server.ConnectionString)
    {
        Host = "127.0.0.1",
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    public int Lost { get; private set; }

    public void LoseNextCommit() => _losing = 1;

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using var _ = client;
        try
        {
            await server.ConnectAsync(_server.Host!, _server.Port);
            var answers = server.GetStream().CopyToAsync(client.GetStream());
            var buffer = new byte[1 << 16];
            while (await client.GetStream().ReadAsync(buffer) is var count and > 0)
            {
                if (buffer.AsSpan(0, count).IndexOf("COMMIT\0"u8) >= 0 && Interlocked.Exchange(ref _losing, 0) == 1)
                {
                    client.Client.Shutdown(SocketShutdown.Send);
                    Lost++;
                }

                await server.GetStream().WriteAsync(buffer.AsMemory(0, count));
            }

            server.Client.Shutdown(SocketShutdown.Send);
            await answers;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // One side has gone: so does the other.
        }
    }
}
