using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A client that sends what it is told to, byte by byte if need be, where a driver would send whole messages.</summary>
internal sealed class WireClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private int _process;
    private int _secret;

    public static byte[] SslRequest { get; } = [0, 0, 0, 8, 4, 210, 22, 47];

    public static byte[] GssRequest { get; } = [0, 0, 0, 8, 4, 210, 22, 48];

    public static byte[] Sync { get; } = Message('S');

    public static byte[] Flush { get; } = Message('H');

    public static byte[] Terminate { get; } = Message('X');

    /// <summary>What asks the server to cancel what this client runs; it is sent on a connection of its own.</summary>
    public byte[] CancelRequest => [0, 0, 0, 16, 4, 210, 22, 46, .. Number(_process), .. Number(_secret)];

    public static byte[] Startup(string user = "postgres", string database = WasmTimescale.Database, params string[] parameters)
    {
        var body = Encoding.UTF8.GetBytes(string.Join('\0', [.. (string[])["user", user, "database", database], .. parameters]) + "\0\0");
        return [.. Number(body.Length + 8), 0, 3, 0, 0, .. body];
    }

    public static byte[] Query(string sql) => Message('Q', Text(sql));

    public static byte[] Parse(string name, string sql) => Message('P', [.. Text(name), .. Text(sql), 0, 0]);

    /// <summary>Binds text values to a statement and executes it.</summary>
    public static byte[] Execute(string name, params string[] values) =>
    [
        .. Message('B', [0, .. Text(name), 0, 0, 0, (byte)values.Length, .. values.Select(Encoding.UTF8.GetBytes)
            .SelectMany(v => (byte[])[.. Number(v.Length), .. v]), 0, 0]),
        .. Message('E', [0, 0, 0, 0, 0]),
    ];

    public static byte[] Message(char type, params byte[] body) => [(byte)type, .. Number(body.Length + 4), .. body];

    public static async Task<WireClient> ConnectAsync(WasmTimescale server)
    {
        var client = new WireClient();
        await client._socket.ConnectAsync("127.0.0.1", server.Port);
        return client;
    }

    /// <summary>Connects and begins a session.</summary>
    public static async Task<WireClient> OpenAsync(WasmTimescale server, params string[] parameters)
    {
        var client = await ConnectAsync(server);
        await client.SendAsync(Startup(parameters: parameters));
        await client.ReadAsync();
        return client;
    }

    public async Task SendAsync(params byte[][] parts)
    {
        foreach (var part in parts)
        {
            await _socket.SendAsync(part);
        }
    }

    public async Task<string> AskAsync(params byte[][] parts)
    {
        await SendAsync(parts.SelectMany(p => p).ToArray());
        return await ReadAsync();
    }

    /// <summary>
    /// Reads answers up to a ReadyForQuery or the end of the connection: the message types in order, with the rows, the
    /// tags, the error codes and the transaction status in brackets.
    /// </summary>
    public async Task<string> ReadAsync(int readies = 1)
    {
        var answer = new StringBuilder();
        while (readies > 0 && await ReadBytesAsync(5) is { } head)
        {
            var body = (await ReadBytesAsync(BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1)) - 4))!;
            var type = (char)head[0];
            answer.Append(type).Append(type switch
            {
                'D' => $"({string.Join(',', Row(body))})",
                'C' => $"({Encoding.UTF8.GetString(body).TrimEnd('\0')})",
                'E' => $"({Encoding.UTF8.GetString(body).Split('\0').First(f => f.StartsWith('C'))[1..]})",
                'Z' => $"({(char)body[0]})",
                _ => "",
            });
            if (type == 'K')
            {
                (_process, _secret) = (BinaryPrimitives.ReadInt32BigEndian(body), BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(4)));
            }

            readies -= type == 'Z' ? 1 : 0;
        }

        return answer.ToString();
    }

    /// <returns>Null at the end of the connection.</returns>
    public async Task<byte[]?> ReadBytesAsync(int count)
    {
        using var limit = new CancellationTokenSource(Patience);
        var bytes = new byte[count];
        for (var have = 0; have < count;)
        {
            var read = await _socket.ReceiveAsync(bytes.AsMemory(have), limit.Token);
            if (read == 0)
            {
                return null;
            }

            have += read;
        }

        return bytes;
    }

    /// <summary>Ends the connection as a killed client's system does: with a reset and no farewell.</summary>
    public void Die()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    public void Dispose() => _socket.Dispose();

    private static IEnumerable<string> Row(byte[] body)
    {
        for (var at = 2; at < body.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at));
            yield return length < 0 ? "" : Encoding.UTF8.GetString(body, at + 4, length);
            at += 4 + Math.Max(0, length);
        }
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static byte[] Number(int number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        return bytes;
    }
}
