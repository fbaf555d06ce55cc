using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Tidemark.App.Tests.Fuzz;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>A client of MQTT 3.1.1 and 5 that sends what no library would.</summary>
internal sealed class MqttWire : IDisposable
{
    public const byte Version311 = 4;
    public const byte Version5 = 5;

    private const int PubAck = 4;

    private readonly TcpClient _client;
    private readonly BufferedStream _stream;

    private MqttWire(TcpClient client) => (_client, _stream) = (client, new BufferedStream(client.GetStream(), 1 << 16));

    public static async Task<MqttWire> OpenAsync(int port)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync("127.0.0.1", port);
        return new MqttWire(client);
    }

    public static async Task<MqttWire> ConnectAsync(int port, byte version, string id)
    {
        var wire = await OpenAsync(port);
        await wire.SendAsync(Connect(version, id));
        Assert.Equal((2, 0), (await wire.ReadAsync() is var (type, body) ? (type, body[1]) : default));
        return wire;
    }

    public static byte[] Connect(byte version, string id)
        => Packet(0x10, [.. Text("MQTT"), version, 2, 0, 60, .. Properties(version), .. Text(id)]);

    public static byte[] Publish(byte version, int qos, ushort id, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload)
        => Packet((byte)(0x30 | (qos << 1)), [.. Sized(topic), .. qos > 0 ? Number(id) : [], .. Properties(version), .. payload]);

    public static byte[] Subscribe(byte version, ushort id, string filter)
        => Packet(0x82, [.. Number(id), .. Properties(version), .. Text(filter), 1]);

    public static byte[] Ping { get; } = [0xC0, 0];

    public static byte[] Disconnect { get; } = [0xE0, 0];

    public async Task SendAsync(ReadOnlyMemory<byte> packets) => await _client.GetStream().WriteAsync(packets);

    /// <summary>Waits until so many messages are acknowledged.</summary>
    public async Task AcknowledgedAsync(HashSet<ushort> ids)
    {
        while (ids.Count > 0)
        {
            var (type, body) = await ReadAsync() ?? throw new InvalidOperationException($"the connection ended before {ids.Count} answers");
            Assert.True(type != PubAck || ids.Remove(BinaryPrimitives.ReadUInt16BigEndian(body)), "an acknowledgement of nothing");
        }
    }

    /// <summary>Sends no more, and waits until the server has ended the connection too.</summary>
    public async Task EndAsync()
    {
        try
        {
            _client.Client.Shutdown(SocketShutdown.Send);
            while (await _stream.ReadAsync(new byte[4096]).AsTask().WaitAsync(FuzzedServer.Patience) > 0)
            {
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // It was quicker.
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _client.Dispose();
    }

    private async Task<(int Type, byte[] Body)?> ReadAsync()
    {
        using var patience = new CancellationTokenSource(FuzzedServer.Patience);
        var head = new byte[1];
        if (await _stream.ReadAtLeastAsync(head, 1, throwOnEndOfStream: false, patience.Token) == 0)
        {
            return null;
        }

        var (type, length, shift) = (head[0] >> 4, 0, 0);
        do
        {
            await _stream.ReadExactlyAsync(head, patience.Token);
            length |= (head[0] & 0x7F) << shift;
            shift += 7;
        }
        while (head[0] >= 0x80);
        var body = new byte[length];
        await _stream.ReadExactlyAsync(body, patience.Token);
        return (type, body);
    }

    private static byte[] Packet(byte head, byte[] rest)
    {
        var length = new List<byte>();
        for (var left = rest.Length; ; left >>= 7)
        {
            length.Add((byte)((left & 0x7F) | (left > 0x7F ? 0x80 : 0)));
            if (left <= 0x7F)
            {
                return [head, .. length, .. rest];
            }
        }
    }

    private static byte[] Properties(byte version) => version == Version5 ? [0] : [];

    private static byte[] Text(string text) => Sized(Encoding.UTF8.GetBytes(text));

    private static byte[] Sized(ReadOnlySpan<byte> bytes) => [.. Number((ushort)bytes.Length), .. bytes];

    private static byte[] Number(ushort number) => [(byte)(number >> 8), (byte)number];
}
