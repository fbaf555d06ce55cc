using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Tidemark.Benchmarks;

/// <summary>How many messages a second become durable readings, published with QoS 1 by a hundred connections here.</summary>
internal sealed class MqttPublishing(string folder, Report report)
{
    public const string Workload
        = "100 connections publish `{\"time\":1764403200000,\"temperature\":21.5,\"humidity\":40.25,\"pressure\":1013.2}` with QoS 1.";

    private const int Connections = 100;
    private const double Bound = 5_000;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(30);

    private static int _last;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var window in new[] { 1, 20 })
        {
            var store = $"duckdb:{Path.Combine(folder, $"window-{window}")}";
            var listen = new Dictionary<string, string> { ["TIDEMARK_MQTT__LISTEN"] = "mqtt://127.0.0.1:0" };
            await using var server = await TidemarkProcess.ServeAsync(store, listen, cancellationToken);
            await MeasureAsync(server, window, cancellationToken);
        }
    }

    private async Task MeasureAsync(TidemarkProcess server, int window, CancellationToken cancellationToken)
    {
        var port = server.Mqtt?.Port ?? throw new InvalidOperationException("the server is no broker of MQTT");
        var endpoint = new IPEndPoint(IPAddress.Loopback, port);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var publishers = Enumerable.Range(0, Connections).Select(_ => new Publisher(endpoint, ++_last, window)).ToList();
        var running = publishers.Select(p => Task.Run(() => p.RunAsync(end.Token), end.Token)).ToList();
        await Task.Delay(WarmUp, cancellationToken);
        var (before, processor, own, watch) = (
            publishers.Sum(p => p.Acknowledged),
            server.ProcessorTime,
            Process.GetCurrentProcess().TotalProcessorTime,
            Stopwatch.StartNew());
        await Task.Delay(Length, cancellationToken);
        var seconds = watch.Elapsed.TotalSeconds;
        var messages = publishers.Sum(p => p.Acknowledged) - before;
        var (ofServer, ofClients) = (
            (server.ProcessorTime - processor).TotalSeconds / seconds,
            (Process.GetCurrentProcess().TotalProcessorTime - own).TotalSeconds / seconds);
        var memory = server.PeakMemory >> 20;
        await end.CancelAsync();
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (running.FirstOrDefault(r => r.IsFaulted) is { } failed)
        {
            throw new InvalidOperationException($"a client failed: {failed.Exception!.InnerException!.Message}");
        }

        await CheckAsync(server, publishers.Sum(p => p.Acknowledged), cancellationToken);
        var beside = string.Create(
            CultureInfo.InvariantCulture,
            $"{Length.TotalSeconds:F0} s; the server used {ofServer:F2} processors and at most {memory} MiB, "
                + $"the clients {ofClients:F2} processors");
        var name = $"{Connections} connections with {window} unacknowledged {(window == 1 ? "message" : "messages")} each";
        report.Add(window == 1
            ? Figure.Free(name, messages / seconds, "messages/s", beside)
            : Figure.AtLeast(name, messages / seconds, Bound, "messages/s", beside));
    }

    private static async Task CheckAsync(TidemarkProcess server, long acknowledged, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = server.Url };
        using var status = JsonDocument.Parse(await http.GetStreamAsync("/api/status", cancellationToken));
        var readings = status.RootElement.GetProperty("hypertables")[0].GetProperty("rows").GetInt64();
        if (readings < acknowledged)
        {
            throw new InvalidOperationException($"{acknowledged} messages were acknowledged, but there are {readings} readings");
        }
    }

    /// <summary>A client that does nothing but publish, so that it takes little of the processors that the server needs.</summary>
    private sealed class Publisher(IPEndPoint endpoint, int number, int window)
    {
        private long _acknowledged;

        public long Acknowledged => Interlocked.Read(ref _acknowledged);

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(endpoint, cancellationToken);
            await using var stream = new NetworkStream(socket);
            byte[] connect = [0x10, 16, 0, 4, .. "MQTT"u8, 4, 2, 0, 0, 0, 4, .. Encoding.ASCII.GetBytes($"{number:D4}")];
            await stream.WriteAsync(connect, cancellationToken);
            var answers = new byte[4 * 1024];
            await stream.ReadExactlyAsync(answers.AsMemory(0, 4), cancellationToken);

            var topic = Encoding.ASCII.GetBytes($"sensors/s{number}");
            var time = DateTimeOffset.UtcNow.AddDays(-2).ToUnixTimeMilliseconds();
            var (sent, held) = (0L, 0);
            var packets = new MemoryStream();
            while (!cancellationToken.IsCancellationRequested)
            {
                packets.SetLength(0);
                for (; sent - Acknowledged < window; sent++)
                {
                    Write(packets, topic, (ushort)(1 + (sent % 60_000)), time + sent);
                }

                await stream.WriteAsync(packets.GetBuffer().AsMemory(0, (int)packets.Length), cancellationToken);
                // Acknowledgements have four bytes each.
                held += await stream.ReadAsync(answers.AsMemory(held), cancellationToken) is var read and > 0
                    ? read
                    : throw new IOException("the server ended the connection");
                Interlocked.Add(ref _acknowledged, held / 4);
                held %= 4;
            }
        }

        private static void Write(MemoryStream packets, byte[] topic, ushort id, long time)
        {
            var payload = Encoding.ASCII.GetBytes(string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"time\":{time},\"temperature\":{20 + (time % 100 / 10.0)},\"humidity\":40.25,\"pressure\":1013.2}}"));
            var length = 2 + topic.Length + 2 + payload.Length;
            packets.WriteByte(0x32);
            for (; length > 127; length >>= 7)
            {
                packets.WriteByte((byte)(0x80 | (length & 0x7F)));
            }

            packets.WriteByte((byte)length);
            Span<byte> two = stackalloc byte[2];
            BinaryPrimitives.WriteUInt16BigEndian(two, (ushort)topic.Length);
            packets.Write(two);
            packets.Write(topic);
            BinaryPrimitives.WriteUInt16BigEndian(two, id);
            packets.Write(two);
            packets.Write(payload);
        }
    }
}
