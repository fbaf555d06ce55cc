using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Tidemark.Configuration;

namespace Tidemark.Server.Mqtt;

/// <summary>
/// A client of one broker: it connects again for ever, subscribes, and acknowledges messages once they are durable, in their order.
/// </summary>
internal sealed partial class MqttSubscriber(
    MqttBrokerOptions options, TidemarkOptions all, TopicRules rules, MessageIntake intake, TimeProvider clock,
    ILogger<MqttSubscriber> logger)
{
    // So many messages a broker sends before the first is acknowledged.
    private const ushort InFlight = 1000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    private readonly string _address = options.Address.GetLeftPart(UriPartial.Authority);
    private MqttProtocolVersion _version = MqttProtocolVersion.V500;
    private volatile IMqttClient? _connected;
    private volatile MqttBrokerStatus _status = new(
        options.Address.GetLeftPart(UriPartial.Authority), false, Instant.From(clock.GetUtcNow()), 0, null);

    public MqttBrokerStatus Status => _status;

    public Uri Address => options.Address;

    /// <summary>A message, and when it may be acknowledged.</summary>
    private readonly record struct Taken(MqttApplicationMessageReceivedEventArgs Message, Task Durable);

    private Instant Now => Instant.From(clock.GetUtcNow());

    /// <summary>Stays connected until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var pause = FirstPause;
        while (!cancellationToken.IsCancellationRequested)
        {
            var error = await ServeAsync(cancellationToken);
            if (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            if (_status.Connected || _status.Error is null)
            {
                LogLost(_address, error);
            }

            pause = _status.Connected ? FirstPause : pause;
            _status = _status with { Connected = false, Since = _status.Connected ? Now : _status.Since, Error = error };
            // Many servers must not come back to a broker at once.
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>Publishes a message of the server's own.</summary>
    /// <returns>Null once the broker has taken it, else why it hasn't.</returns>
    public async Task<string?> PublishAsync(MqttApplicationMessage message, CancellationToken cancellationToken)
    {
        if (_connected is not { } client)
        {
            return $"not connected to {_address}";
        }

        try
        {
            var result = await client.PublishAsync(message, cancellationToken);
            return result.IsSuccess ? null : $"the broker refuses the message: {result.ReasonCode} {result.ReasonString}".TrimEnd();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && e is MqttCommunicationException
            or MqttProtocolViolationException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return Describe(e);
        }
    }

    /// <returns>Why the connection ended or was not made.</returns>
    private async Task<string> ServeAsync(CancellationToken cancellationToken)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var why = "the broker ended the connection";
        client.DisconnectedAsync += e =>
        {
            why = e.Exception?.InnerException?.Message ?? e.Exception?.Message ?? (e.Reason == 0 ? why : $"{why}: {e.Reason}");
            return ended.CancelAsync();
        };
        var taken = Channel.CreateUnbounded<Taken>();
        client.ApplicationMessageReceivedAsync += e => TakeAsync(client, e, taken.Writer, ended.Token);
        var acknowledging = Task.CompletedTask;
        try
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timeout.CancelAfter(Timeout);
            var answer = await client.ConnectAsync(Connection(), timeout.Token);
            if (answer.ResultCode != MqttClientConnectResultCode.Success)
            {
                _version = _version == MqttProtocolVersion.V500 && IsOlder(answer.ResultCode) ? MqttProtocolVersion.V311 : _version;
                return $"the broker refuses the connection: {answer.ResultCode} {answer.ReasonString}".TrimEnd();
            }

            var granted = await SubscribeAsync(client, timeout.Token);
            _status = new MqttBrokerStatus(_address, true, Now, _status.Connections + 1, granted);
            LogConnected(
                _address, answer.IsSessionPresent ? "the session it kept" : "a new session", granted ?? "all topics granted");
            acknowledging = AcknowledgeAsync(taken.Reader, ended.Token);
            _connected = client;
            await Task.Delay(System.Threading.Timeout.Infinite, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return why;
        }
        catch (Exception e) when (e is MqttCommunicationException or MqttProtocolViolationException or OperationCanceledException
            or IOException or AuthenticationException or CryptographicException or UnauthorizedAccessException or InvalidOperationException)
        {
            // A broker of version 3.1.1 may end the connection without a word.
            _version = e is MqttProtocolViolationException or MQTTnet.Adapter.MqttConnectingFailedException
                && _version == MqttProtocolVersion.V500 ? MqttProtocolVersion.V311 : MqttProtocolVersion.V500;
            return e is OperationCanceledException ? $"no answer within {Timeout.TotalSeconds} s" : Describe(e);
        }
        finally
        {
            _connected = null;
            await ended.CancelAsync();
            await acknowledging;
            await LeaveAsync(client);
        }
    }

    /// <summary>Versions before 5 know no code but 1 to 5, and 1 for a version that they don't know.</summary>
    private static bool IsOlder(MqttClientConnectResultCode code)
        => code == MqttClientConnectResultCode.UnsupportedProtocolVersion || (int)code is >= 1 and <= 5;

    private async Task TakeAsync(
        IMqttClient client, MqttApplicationMessageReceivedEventArgs received, ChannelWriter<Taken> taken, CancellationToken ended)
    {
        received.AutoAcknowledge = false;
        var message = received.ApplicationMessage;
        var durable = await intake.TakeAsync(
            message.Topic, message.Payload, message.QualityOfServiceLevel, message.Retain, ReplyAsync, ended);
        if (message.QualityOfServiceLevel != MqttQualityOfServiceLevel.AtMostOnce)
        {
            taken.TryWrite(new Taken(received, durable));
        }

        Task ReplyAsync(string topic, byte[] payload) => client.PublishAsync(
            new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).Build(), CancellationToken.None);
    }

    private static async Task AcknowledgeAsync(ChannelReader<Taken> taken, CancellationToken ended)
    {
        try
        {
            while (true)
            {
                var (message, durable) = await taken.ReadAsync(ended);
                await durable.WaitAsync(ended);
                await message.AcknowledgeAsync(ended);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or MqttCommunicationException or ObjectDisposedException
            or InvalidOperationException or NullReferenceException)
        {
            // The connection is gone: what is not acknowledged comes again.
        }
    }

    /// <returns>Null, or what the broker did not grant as asked.</returns>
    private async Task<string?> SubscribeAsync(IMqttClient client, CancellationToken cancellationToken)
    {
        var subscriptions = new MqttClientSubscribeOptions();
        foreach (var filter in rules.Filters)
        {
            subscriptions.TopicFilters.Add(new MqttTopicFilter
            {
                Topic = options.Share is null ? filter : $"$share/{options.Share}/{filter}",
                QualityOfServiceLevel = (MqttQualityOfServiceLevel)options.Qos,
            });
        }

        var result = await client.SubscribeAsync(subscriptions, cancellationToken);
        var notGranted = result.Items.Where(i => (int)i.ResultCode != options.Qos)
            .Select(i => (int)i.ResultCode < options.Qos
                ? $"{i.TopicFilter.Topic} with QoS {(int)i.ResultCode} only"
                : $"{i.TopicFilter.Topic} not at all, {i.ResultCode}")
            .ToList();
        return notGranted.Count == 0 ? null : $"granted: {string.Join("; ", notGranted)}";
    }

    private MqttClientOptions Connection()
    {
        var builder = new MqttClientOptionsBuilder()
            .WithTcpServer(options.Address.Host.Trim('[', ']'), options.Address.Port)
            .WithProtocolVersion(_version)
            .WithClientId(options.ClientId)
            .WithCleanStart(!options.Persistent)
            .WithKeepAlivePeriod(KeepAlive)
            .WithTimeout(Timeout);
        if (_version == MqttProtocolVersion.V500)
        {
            builder = builder.WithReceiveMaximum(InFlight).WithSessionExpiryInterval(options.Persistent ? uint.MaxValue : 0)
                .WithMaximumPacketSize((uint)all.Mqtt.MaxMessage + 70_000);
        }

        if (options.User is not null || options.Password is not null || options.PasswordFile is not null)
        {
            var password = options.PasswordFile is { } file ? File.ReadAllText(file).TrimEnd('\r', '\n') : options.Password;
            builder = builder.WithCredentials(options.User, password);
        }

        if (options.Address.Scheme == "mqtts")
        {
            builder = builder.WithTlsOptions(tls => Secure(tls.UseTls()));
        }

        return builder.Build();
    }

    private void Secure(MqttClientTlsOptionsBuilder tls)
    {
        tls.WithRevocationMode(X509RevocationMode.NoCheck);
        if (options.Authority is { } file)
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            tls.WithTrustChain(authorities);
        }
    }

    private static async Task LeaveAsync(IMqttClient client)
    {
        try
        {
            if (client.IsConnected)
            {
                await client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
            }
        }
        catch (Exception e) when (e is MqttCommunicationException or InvalidOperationException or OperationCanceledException)
        {
        }
    }

    private static string Describe(Exception error)
    {
        var cause = error;
        while (cause.InnerException is not null)
        {
            cause = cause.InnerException;
        }

        return cause.Message.ReplaceLineEndings(" ");
    }

    [LoggerMessage(EventId = 430, Level = LogLevel.Information, Message = "connected to {Address} with {Session}; {Granted}")]
    private partial void LogConnected(string address, string session, string granted);

    [LoggerMessage(EventId = 431, Level = LogLevel.Warning, Message = "not connected to {Address}, trying again until it answers: {Error}")]
    private partial void LogLost(string address, string error);
}

/// <summary>Runs the subscribers to all brokers.</summary>
internal sealed class MqttSubscribers(IEnumerable<MqttSubscriber> subscribers) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => Task.WhenAll(subscribers.Select(subscriber => subscriber.RunAsync(stoppingToken)));
}
