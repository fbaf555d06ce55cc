using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Packets;
using MQTTnet.Server;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;

namespace Tidemark.Server.Mqtt;

/// <summary>Where a broker's clients come in: the sockets and TLS are Kestrel's, one that speaks no HTTP.</summary>
internal sealed class MqttListener(
    MqttOptions options, ILoggerFactory loggers, Func<MqttConnection, MqttPublishPacket, CancellationToken, ValueTask<Task>> take)
    : IMqttServerAdapter
{
    // The fixed header of a packet, the topic and the like.
    private const int BesidesMessage = 70_000;

    private readonly string[] _schemes = [.. options.Listen.SelectMany(a => Enumerable.Repeat(a.Scheme, Hosts(a).Length))];
    private WebApplication? _app;

    public Func<IMqttChannelAdapter, Task>? ClientHandler { get; set; }

    /// <summary>With the ports that are really used.</summary>
    public IReadOnlyList<string> Addresses => _app is null
        ? []
        : [.. _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .Zip(_schemes, (address, scheme) => $"{scheme}{address[address.IndexOf(':')..]}")];

    public async Task StartAsync(MqttServerOptions serverOptions, IMqttNetLogger logger)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
            foreach (var address in options.Listen)
            {
                foreach (var host in Hosts(address))
                {
                    kestrel.Listen(host, address.Port, endpoint => Accept(endpoint, isSecure: address.Scheme == "mqtts"));
                }
            }
        });
        var app = builder.Build();
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            await app.DisposeAsync();
            throw new AddressException(
                $"can't listen on {string.Join(", ", options.Listen.Select(a => a.GetLeftPart(UriPartial.Authority)))}: "
                    + $"{(e.InnerException ?? e).Message}; choose another address with --mqtt");
        }

        _app = app;
    }

    public async Task StopAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            // Clients find the server again; none of them is waited for.
            await app.StopAsync(new CancellationToken(canceled: true));
            await app.DisposeAsync();
        }
    }

    public void Dispose()
    {
    }

    /// <summary>Refuses hosts that are no address of this machine's: names would have to be looked up.</summary>
    public static IPAddress[] Hosts(Uri address) => address.Host switch
    {
        "localhost" => [IPAddress.Loopback],
        var host when IPAddress.TryParse(host.Trim('[', ']'), out var ip) => [ip],
        _ => throw new AddressException(
            $"'{address.GetLeftPart(UriPartial.Authority)}' is not an address to listen on, "
                + $"such as {address.Scheme}://127.0.0.1:{address.Port}"),
    };

    private void Accept(ListenOptions endpoint, bool isSecure)
    {
        if (isSecure)
        {
            var certificate = new CertificateFile(options.Certificate!, options.CertificateKey);
            endpoint.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(
                    new SslServerAuthenticationOptions { ServerCertificateContext = certificate.Current }),
            });
        }

        endpoint.Run(ServeAsync);
    }

    private async Task ServeAsync(ConnectionContext connection)
    {
        using var client = new MqttConnection(connection, options.MaxMessage + BesidesMessage, take);
        connection.Features.Get<IConnectionHeartbeatFeature>()?.OnHeartbeat(c => ((MqttConnection)c).EndIfDue(), client);
        await (ClientHandler?.Invoke(client) ?? Task.CompletedTask);
    }
}

/// <summary>A certificate in PEM, read again when its file is another one: renewals need no new start.</summary>
internal sealed class CertificateFile
{
    private readonly string _path;
    private readonly string _keyPath;
    private readonly Lock _lock = new();
    private SslStreamCertificateContext _current;
    private DateTime _written;

    /// <exception cref="AddressException">It can't be read.</exception>
    public CertificateFile(string path, string? keyPath)
    {
        (_path, _keyPath) = (path, keyPath ?? path);
        try
        {
            (_written, _current) = (File.GetLastWriteTimeUtc(path), Read());
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            throw new AddressException($"the certificate in {_path} with the key in {_keyPath} can't be read: {e.Message}");
        }
    }

    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                var written = File.GetLastWriteTimeUtc(_path);
                if (written != _written)
                {
                    try
                    {
                        (_current, _written) = (Read(), written);
                    }
                    catch (Exception e) when (IsUnreadable(e))
                    {
                        // It is being written: the old one serves until the new one is whole.
                    }
                }

                return _current;
            }
        }
    }

    private static bool IsUnreadable(Exception error)
        => error is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException or ArgumentException;

    private SslStreamCertificateContext Read()
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_path);
        return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(_path, _keyPath), chain, offline: true);
    }
}
