using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using MQTTnet.Server;
using Tidemark.Configuration;
using Tidemark.Ingest.Messages;
using Tidemark.Server.Keys;

namespace Tidemark.Server.Mqtt;

/// <summary>
/// The broker that the server is. What clients publish on topics of a rule is acknowledged once it is durable; every message goes to those
/// who subscribed. Sessions end with their connections, and retained messages with the server.
/// </summary>
internal sealed class MqttBroker : IHostedService
{
    private const int MostRetained = 10_000;
    private const long MostRetainedBytes = 64L << 20;
    private const int MostPending = 1000;

    private readonly MqttListener _listener;
    private readonly MqttServer _server;
    private readonly MessageIntake _intake;
    private readonly MessageLog _log;
    private readonly Gate _gate;
    private readonly Dictionary<string, long> _retained = new(StringComparer.Ordinal);
    private long _retainedBytes;
    private int _clients;

    public MqttBroker(TidemarkOptions options, MessageIntake intake, MessageLog log, Gate gate, ILoggerFactory loggers)
    {
        (_intake, _log, _gate) = (intake, log, gate);
        _listener = new MqttListener(options.Mqtt, loggers, TakeAsync);
        _server = new MqttServerFactory().CreateMqttServer(
            new MqttServerOptions { MaxPendingMessagesPerClient = MostPending }, [_listener], new MqttNetNullLogger());
        _server.ValidatingConnectionAsync += LetIn;
        _server.InterceptingSubscriptionAsync += LetSubscribe;
        _server.InterceptingPublishAsync += LetPublish;
        _server.ClientConnectedAsync += _ => Count(1);
        _server.ClientDisconnectedAsync += _ => Count(-1);
    }

    public IReadOnlyList<string> Addresses => _listener.Addresses;

    public int Clients => Volatile.Read(ref _clients);

    public Task StartAsync(CancellationToken cancellationToken) => _server.StartAsync();

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _server.StopAsync(new MqttServerStopOptions());
        _server.Dispose();
    }

    /// <summary>Publishes a message of the server's own.</summary>
    public Task PublishAsync(MqttApplicationMessage message)
        => _server.InjectApplicationMessage(new InjectedMqttApplicationMessage(message) { SenderClientId = "tidemark" });

    private ValueTask<Task> TakeAsync(MqttConnection connection, MqttPublishPacket packet, CancellationToken cancellationToken)
        => connection.MayWrite
            ? _intake.TakeAsync(
                packet.Topic ?? "", packet.Payload, packet.QualityOfServiceLevel, isRetained: false, ReplyAsync, cancellationToken)
            : ValueTask.FromResult(Task.CompletedTask);

    private Task ReplyAsync(string topic, byte[] payload)
        => PublishAsync(new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).Build());

    private Task LetIn(ValidatingConnectionEventArgs client)
    {
        var connection = (MqttConnection)client.ChannelAdapter;
        if (!_gate.IsGuarded)
        {
            (connection.MayRead, connection.MayWrite) = (true, true);
            return Task.CompletedTask;
        }

        try
        {
            if (_gate.Keys.Find(client.Password) is { } key)
            {
                connection.MayRead = key.Scopes.Contains(Scope.Read) || key.Scopes.Contains(Scope.Admin);
                connection.MayWrite = key.Scopes.Contains(Scope.Write) || key.Scopes.Contains(Scope.Admin);
                connection.IsAllowed = () => IsValid(key);
                client.SessionItems[typeof(MqttConnection)] = connection;
                return Task.CompletedTask;
            }
        }
        catch (KeyException)
        {
            client.ReasonCode = MqttConnectReasonCode.ServerUnavailable;
            return Task.CompletedTask;
        }

        var mayTryAgain = client.Password.Length == 0 || _gate.MayTryAgain((client.RemoteEndPoint as IPEndPoint)?.Address);
        client.ReasonCode = mayTryAgain || client.ProtocolVersion != MQTTnet.Formatter.MqttProtocolVersion.V500
            ? MqttConnectReasonCode.BadUserNameOrPassword
            : MqttConnectReasonCode.ConnectionRateExceeded;
        client.ReasonString = "this server asks for an API key as password; tidemark key add makes one";
        return Task.CompletedTask;
    }

    private bool IsValid(ApiKey key)
    {
        try
        {
            return _gate.Keys.Keys.Any(k => k.Id == key.Id && k.Hash == key.Hash);
        }
        catch (KeyException)
        {
            // A file that can't be read now revokes nothing.
            return true;
        }
    }

    private static Task LetSubscribe(InterceptingSubscriptionEventArgs subscription)
    {
        if (subscription.SessionItems[typeof(MqttConnection)] is MqttConnection { MayRead: false })
        {
            subscription.ProcessSubscription = false;
            subscription.Response.ReasonCode = MqttSubscribeReasonCode.NotAuthorized;
        }

        return Task.CompletedTask;
    }

    private Task LetPublish(InterceptingPublishEventArgs publish)
    {
        var message = publish.ApplicationMessage;
        if (publish.SessionItems[typeof(MqttConnection)] is MqttConnection { MayWrite: false })
        {
            publish.ProcessPublish = false;
            publish.Response.ReasonCode = MqttPubAckReasonCode.NotAuthorized;
            _log.Refuse(message.Topic ?? "", new MessageFault(MessageFault.Key, $"the key of '{publish.ClientId}' is not for writing"));
        }
        else if (message.Retain)
        {
            message.Retain = Retain(message.Topic, message.Payload.Length);
        }

        return Task.CompletedTask;
    }

    /// <summary>Topics may be ever others, and retained messages stay in memory.</summary>
    /// <returns>Whether the message takes the place of the topic's last one; an empty one only removes that.</returns>
    private bool Retain(string topic, long length)
    {
        lock (_retained)
        {
            var isThere = _retained.TryGetValue(topic, out var before);
            var bytes = length == 0 ? 0 : length + topic.Length;
            if ((!isThere && (length == 0 || _retained.Count == MostRetained)) || _retainedBytes - before + bytes > MostRetainedBytes)
            {
                return false;
            }

            _retainedBytes += bytes - before;
            if (length == 0)
            {
                _retained.Remove(topic);
            }
            else
            {
                _retained[topic] = bytes;
            }

            return true;
        }
    }

    private Task Count(int change)
    {
        Interlocked.Add(ref _clients, change);
        return Task.CompletedTask;
    }
}
