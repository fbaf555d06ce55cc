using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tidemark.Configuration;
using Tidemark.Server.Admin;
using Tidemark.Server.Aggregates;
using Tidemark.Server.Alerts;
using Tidemark.Server.Export;
using Tidemark.Server.Keys;
using Tidemark.Server.Lines;
using Tidemark.Server.Live;
using Tidemark.Server.Metrics;
using Tidemark.Server.Mqtt;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Page;
using Tidemark.Server.Readings;
using Tidemark.Server.Sensors;
using Tidemark.Server.Series;
using Tidemark.Server.Stats;
using Tidemark.Server.Status;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>The HTTP server over one store.</summary>
public static class TidemarkServer
{
    /// <summary>Builds the server; nothing listens before it is started.</summary>
    /// <param name="options">Where it listens, its limits and the schedule.</param>
    /// <param name="store">Initialised, owned and disposed by the caller, after the server has stopped.</param>
    /// <param name="clock">What periods and the schedule are measured by; the system's unless given.</param>
    public static WebApplication Create(TidemarkOptions options, ITelemetryStore store, TimeProvider? clock = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        // Settings come from TidemarkOptions alone: no stray appsettings.json or ASPNETCORE_… opens another address.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.WebHost.UseUrls(options.Server.Urls);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.Server.MaxBody;
            // Of a body that waits for its turn no more than this is here.
            kestrel.Limits.MaxRequestBufferSize = 256 << 10;
            kestrel.Limits.KeepAliveTimeout = options.Server.IdleTimeout;
            kestrel.Limits.RequestHeadersTimeout = options.Server.HeadersTimeout;
            kestrel.Limits.MinRequestBodyDataRate = kestrel.Limits
                .MinResponseDataRate = new MinDataRate(options.Server.MinRate, gracePeriod: TimeSpan.FromSeconds(5));
        });
        builder.Logging.ConfigureForPeople();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(store);
        builder.Services.AddSingleton(clock ?? TimeProvider.System);
        builder.Services.AddSingleton<Scheduler>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Scheduler>());
        builder.Services.ConfigureHttpJsonOptions(json => WireJson.Configure(json.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.Configure<HostOptions>(host
            => host.ShutdownTimeout = (options.Server.Drain ?? TimeSpan.Zero) + options.Server.StopTimeout);
        builder.Services.AddSingleton(services => new Draining(options.Server, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<Draining>());
        builder.Services.AddResponseCompression(compression =>
        {
            compression.MimeTypes = [.. ResponseCompressionDefaults.MimeTypes, Ndjson.ContentType, "text/csv", ArrowExport.ContentType];

            // Answers hold no secret that could be guessed from their lengths.
            compression.EnableForHttps = true;
        });
        builder.Services.AddApiDocument();
        builder.Services.AddCors();
        builder.Services.AddKeys();
        builder.Services.AddHeavyReads(options.Server);
        builder.Services.AddSingleton(new WriteRoom(options.Server));
        builder.Services.AddRequestTimeouts(options.Server);
        builder.Services.AddCompressedBodies();
        builder.Services.AddMqtt(options.Mqtt);
        builder.Services.AddPage();
        builder.Services.AddSingleton<Cadence>();
        builder.Services.AddLive();
        builder.Services.AddSingleton<HttpIntake>();
        builder.Services.AddAlerts();

        var app = builder.Build();
        // A file of keys that can't be read is told now, not to the first client.
        app.Services.GetRequiredService<Gate>();
        app.UseTrustedProxies(options.Server.TrustedProxies);
        app.UseResponseCompression();
        app.UseSecurityHeaders();
        app.UseProblemAnswers();
        app.UseAllowedSites(options.Server.Cors);
        app.UseKnownHosts(options.Server.Hosts);
        app.UseHeadRequests();
        app.UseRouting();
        app.UseTimeouts();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseKnownQueries();
        app.UseRateLimiter();
        app.UseCompressedBodies();
        app.MapPage();
        app.MapSession();
        app.MapHealth();
        app.MapSensors();
        app.MapMetrics();
        app.MapRaw();
        app.MapLive();
        app.MapAggregates();
        app.MapFleet();
        app.MapSeries();
        app.MapIngest();
        app.MapLines();
        app.MapCompatible();
        app.MapPerformance();
        app.MapStatus();
        app.MapAlerts();
        app.MapAdmin();
        app.MapApiDocument();
        return app;
    }

    /// <summary>Where the server is a broker of MQTT, with the ports that are really used.</summary>
    public static IReadOnlyList<string> MqttAddresses(WebApplication server) => ReadMqtt(server)?.Listening ?? [];

    /// <summary>What <c>/api/status</c> tells of MQTT, without asking the store; null where no messages come by it.</summary>
    public static MqttStatus? ReadMqtt(WebApplication server) => server.Services.GetRequiredService<MqttReport>().Status;

    /// <summary>The key that opens this server to the command line of its owner.</summary>
    public static string LocalKey(WebApplication server) => server.Services.GetRequiredService<Gate>().LocalKey;

    /// <summary>
    /// Refuses addresses that other machines can reach while there are no keys: nothing but the address would guard the server.
    /// </summary>
    /// <param name="options">With the addresses, separated by semicolons, and the file of keys.</param>
    /// <param name="mqtt">Where it is a broker.</param>
    /// <param name="insecure">Whether such addresses were asked for expressly.</param>
    /// <exception cref="AddressException">An address is malformed or refused; the message is one line for people.</exception>
    public static void RefuseOpenAddress(ServerOptions options, MqttOptions mqtt, bool insecure)
    {
        var urls = options.Urls;
        var addresses = urls.Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (addresses.Length == 0)
        {
            throw new AddressException($"urls '{urls}' names no address; give one such as http://127.0.0.1:5000");
        }

        foreach (var url in addresses)
        {
            var address = Parse(url);
            if (!insecure && !IsLoopback(address) && new KeyFile(options.Keys).IsEmpty)
            {
                throw new AddressException(
                    $"{url} can be reached from other machines and nothing would guard it: make a key with tidemark key add, use "
                        + $"http://127.0.0.1:{address.Port}, or --insecure if that is meant");
            }
        }

        foreach (var address in mqtt.Listen)
        {
            if (!insecure && !MqttListener.Hosts(address).All(IPAddress.IsLoopback) && new KeyFile(options.Keys).IsEmpty)
            {
                throw new AddressException(
                    $"{address.GetLeftPart(UriPartial.Authority)} can be reached from other machines and nothing would guard it: make a "
                        + $"key with tidemark key add, use {address.Scheme}://127.0.0.1:{address.Port}, or --insecure if that is meant");
            }
        }
    }

    private static BindingAddress Parse(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            if (address.Scheme == "http" && address.PathBase.Length == 0 && (address.IsUnixPipe || IsHost(address.Host)))
            {
                return address;
            }
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
        }

        throw new AddressException($"'{url}' is not an address to listen on, such as http://127.0.0.1:5000; TLS is a proxy's task");
    }

    private static bool IsHost(string host) => host is "*" or "+" || Uri.CheckHostName(host) != UriHostNameType.Unknown;

    private static bool IsLoopback(BindingAddress address)
        => address.IsUnixPipe || address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
}

/// <summary>An address to listen on is malformed or refused.</summary>
public sealed class AddressException(string message) : Exception(message);
