using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using MQTTnet.Adapter;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;

namespace Tidemark.Server.Mqtt;

/// <summary>
/// A client's connection. Packets are read ahead of their acknowledgement, so that one client's messages share commits too; each is handed
/// to the broker, which acknowledges and distributes it, once <paramref name="take"/> says that it is durable.
/// </summary>
/// <param name="connection">What the bytes come by.</param>
/// <param name="maxPacket">Larger packets end the connection.</param>
/// <param name="take">Takes a message in; its task completes when the message may be acknowledged.</param>
internal sealed class MqttConnection(
    ConnectionContext connection, int maxPacket, Func<MqttConnection, MqttPublishPacket, CancellationToken, ValueTask<Task>> take)
    : IMqttChannelAdapter
{
    private const int ReadAhead = 128;
    private const int BufferSize = 4096;
    private const int LargestBuffer = 65_535;

    private readonly Channel<(MqttPacket Packet, Task Durable)> _ahead = Channel.CreateBounded<(MqttPacket, Task)>(
        new BoundedChannelOptions(ReadAhead) { SingleReader = true, SingleWriter = true });

    // A client that has not said who it is yet has so long.
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    // How long a client that takes nothing any more is waited for.
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _sending = new(1, 1);
    private TimeSpan _patience = ConnectTimeout;
    private long _quietSince = long.MaxValue;
    private bool _isConnecting = true;
    private Task? _reading;

    /// <summary>Whether its key allows to write.</summary>
    public bool MayWrite { get; set; }

    /// <summary>Whether its key allows to read.</summary>
    public bool MayRead { get; set; }

    public long BytesReceived { get; private set; }

    public long BytesSent { get; private set; }

    public X509Certificate2? ClientCertificate => null;

    public EndPoint? RemoteEndPoint => connection.RemoteEndPoint;

    public EndPoint? LocalEndPoint => connection.LocalEndPoint;

    public bool IsSecureConnection => false;

    public MqttPacketFormatterAdapter PacketFormatterAdapter { get; } = new(new MqttBufferWriter(BufferSize, LargestBuffer));

    public Task ConnectAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>What was sent still arrives, unless the client takes nothing any more.</summary>
    public async Task DisconnectAsync(CancellationToken cancellationToken)
    {
        connection.Transport.Input.CancelPendingRead();
        if (!await _sending.WaitAsync(LastWord, cancellationToken))
        {
            connection.Abort();
            return;
        }

        try
        {
            await connection.Transport.Output.CompleteAsync();
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Whether its key is there still.</summary>
    public Func<bool> IsAllowed { get; set; } = () => true;

    /// <summary>
    /// Ends the connection of a client whose key was revoked, or that has been silent for one and a half times the interval that it gave
    /// itself.
    /// </summary>
    public void EndIfDue()
    {
        var isSilent = Volatile.Read(ref _quietSince) is var since and < long.MaxValue && Stopwatch.GetElapsedTime(since) > _patience;
        if (isSilent || !IsAllowed())
        {
            connection.Abort();
        }
    }

    /// <summary>The first packet is read alone: nothing is taken of a client before it was let in.</summary>
    public async Task<MqttPacket?> ReceivePacketAsync(CancellationToken cancellationToken)
    {
        if (_isConnecting)
        {
            _isConnecting = false;
            var first = await ReadPacketAsync(cancellationToken);
            if (first is MqttConnectPacket connect)
            {
                // A client without an id has a session of its own.
                connect.ClientId = string.IsNullOrEmpty(connect.ClientId) ? $"tidemark-{Guid.NewGuid():N}" : connect.ClientId;
                // The broker would take messages that wait for the store for silence.
                _patience = connect.KeepAlivePeriod == 0 ? TimeSpan.MaxValue : TimeSpan.FromSeconds(1.5 * connect.KeepAlivePeriod);
                connect.KeepAlivePeriod = 0;
            }

            return first;
        }

        _reading ??= ReadAheadAsync(cancellationToken);
        var (packet, durable) = await _ahead.Reader.ReadAsync(cancellationToken);
        await durable.WaitAsync(cancellationToken);
        return packet;
    }

    public async Task SendPacketAsync(MqttPacket packet, CancellationToken cancellationToken)
    {
        if (packet is MqttConnAckPacket welcome)
        {
            // An alias would be resolved behind the place where messages are taken.
            (welcome.TopicAliasMaximum, welcome.MaximumPacketSize, welcome.ReceiveMaximum) = (0, (uint)maxPacket, ReadAhead);
        }

        await _sending.WaitAsync(cancellationToken);
        try
        {
            var buffer = PacketFormatterAdapter.Encode(packet);
            var output = connection.Transport.Output;
            output.Write(buffer.Packet);
            foreach (var part in buffer.Payload)
            {
                output.Write(part.Span);
            }

            BytesSent += buffer.Length;
            await output.FlushAsync(cancellationToken);
        }
        finally
        {
            PacketFormatterAdapter.Cleanup();
            _sending.Release();
        }
    }

    public void ResetStatistics() => (BytesReceived, BytesSent) = (0, 0);

    public void Dispose() => _sending.Dispose();

    private async Task ReadAheadAsync(CancellationToken cancellationToken)
    {
        Exception? error = null;
        try
        {
            while (await ReadPacketAsync(cancellationToken) is { } packet)
            {
                if (packet is MqttPingReqPacket)
                {
                    await SendPacketAsync(MqttPingRespPacket.Instance, cancellationToken);
                    continue;
                }

                var durable = packet is MqttPublishPacket publish
                    ? await take(this, publish, cancellationToken)
                    : Task.CompletedTask;
                await _ahead.Writer.WriteAsync((packet, durable), cancellationToken);
            }

            error = new MqttCommunicationException("the connection was closed");
        }
        catch (Exception e)
        {
            error = e is MqttCommunicationException or MqttProtocolViolationException or OperationCanceledException
                ? e
                : new MqttCommunicationException(e);
        }
        finally
        {
            _ahead.Writer.TryComplete(error);
        }
    }

    /// <returns>Null at the end of the connection.</returns>
    private async ValueTask<MqttPacket?> ReadPacketAsync(CancellationToken cancellationToken)
    {
        var input = connection.Transport.Input;
        while (true)
        {
            Volatile.Write(ref _quietSince, Stopwatch.GetTimestamp());
            var result = await input.ReadAsync(cancellationToken);
            Volatile.Write(ref _quietSince, long.MaxValue);
            var buffer = result.Buffer;
            if (TryDecode(buffer, out var packet, out var length))
            {
                BytesReceived += length;
                input.AdvanceTo(buffer.GetPosition(length));
                return packet;
            }

            input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted || result.IsCanceled)
            {
                return null;
            }
        }
    }

    private bool TryDecode(in ReadOnlySequence<byte> buffer, out MqttPacket? packet, out int length)
    {
        packet = null;
        if (!TryReadLength(buffer, out var header, out length) || buffer.Length < length)
        {
            return false;
        }

        // The packet outlives the buffer.
        var body = buffer.Slice(header, length - header).ToArray();
        var received = new ReceivedMqttPacket(buffer.FirstSpan[0], body, length);
        if (PacketFormatterAdapter.ProtocolVersion == MqttProtocolVersion.Unknown)
        {
            PacketFormatterAdapter.DetectProtocolVersion(received);
        }

        packet = PacketFormatterAdapter.Decode(received);
        return true;
    }

    /// <summary>One byte tells the kind of a packet, the next one to four the length of what follows, seven bits each.</summary>
    private bool TryReadLength(in ReadOnlySequence<byte> buffer, out int header, out int length)
    {
        (header, length) = (1, 0);
        var reader = new SequenceReader<byte>(buffer);
        reader.Advance(Math.Min(1, buffer.Length));
        for (var shift = 0; reader.TryRead(out var part); shift += 7)
        {
            header++;
            length |= (part & 0x7F) << shift;
            if ((part & 0x80) == 0)
            {
                length += header;
                return length <= maxPacket ? true : throw new MqttProtocolViolationException(
                    $"a packet of {length} bytes is larger than {maxPacket}, the limit mqtt:max_message");
            }

            if (shift == 21)
            {
                throw new MqttProtocolViolationException("the length of a packet has more than four bytes");
            }
        }

        return false;
    }
}
