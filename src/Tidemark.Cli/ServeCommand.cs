using System.CommandLine;
using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;

namespace Tidemark.Cli;

/// <summary><c>tidemark serve</c>: the REST API and the schedule, until Ctrl+C or SIGTERM.</summary>
internal static class ServeCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly Option<bool> Insecure = new("--insecure")
    {
        Description = "Allow an address that other machines can reach, without authentication."
    };

    public static Command Create()
    {
        var urls = UrlsOption();
        var mqtt = new Option<string?>("--mqtt")
        {
            Description = "Where to be a broker of MQTT, such as mqtt://127.0.0.1:1883; several with ';'. Else mqtt:listen.",
            HelpName = "ADDRESSES",
        };
        var command = new Command("serve", "Serve the store over REST, and refresh, compress and retain on schedule.")
        {
            urls, mqtt, Insecure,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            RefuseServer(arguments);
            var loaded = await WaitForDatabaseAsync(
                () => StoreOptions.LoadForSetupAsync(
                    arguments, cancellationToken, ("server:urls", arguments.GetValue(urls)), ("mqtt:listen", arguments.GetValue(mqtt))),
                cancellationToken);
            var options = loaded.Options;
            TidemarkServer.RefuseOpenAddress(options.Server, options.Mqtt, arguments.GetValue(Insecure));
            await using var store = await WaitForDatabaseAsync(() => OpenAsync(loaded, cancellationToken), cancellationToken);
            loaded.Note("changed");
            return await RunAsync(options, store, _ => { }, cancellationToken);
        });
        return command;
    }

    public static Option<string?> UrlsOption() => new("--urls")
    {
        Description = "Where to listen; several with ';', port 0 for any free one. Else TIDEMARK_SERVER__URLS, server:urls, "
            + $"{new ServerOptions().Urls}.",
        HelpName = "URLS",
    };

    /// <summary>A store that is named by its server's address can't be served.</summary>
    public static void RefuseServer(ParseResult arguments)
    {
        if (GlobalOptions.Load(arguments).Store is { Kind: StoreKind.Http } store)
        {
            throw new CommandFailedException($"{store} is served already: name the store itself, such as {StoreUri.Default}");
        }
    }

    /// <summary>Opens the store for a server; one that another server holds stays with that one.</summary>
    public static async Task<ITelemetryStore> OpenAsync(StoreOptions loaded, CancellationToken cancellationToken)
    {
        try
        {
            return await StoreOpener.OpenOwnAsync(loaded, cancellationToken);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.InUse && ServerFile.Find(loaded.Options.Store.Value) is { } server)
        {
            throw new CommandFailedException(
                $"{loaded.Options.Store} is served already on {server.Url} by process {server.Pid}: use that one, or stop it first");
        }
    }

    /// <summary>
    /// A machine that has just started has a database that is still starting. A server that ended for it would be tried again later and
    /// later.
    /// </summary>
    private static async Task<T> WaitForDatabaseAsync<T>(Func<Task<T>> open, CancellationToken cancellationToken)
    {
        var begin = Stopwatch.GetTimestamp();
        for (var isTold = false; ; isTold = true)
        {
            try
            {
                return await open();
            }
            catch (StoreException e) when (e.Kind == StoreErrorKind.Unavailable && Stopwatch.GetElapsedTime(begin) < Patience)
            {
                if (!isTold)
                {
                    Terminal.Note($"{e.Message}; waits for it up to a minute");
                }

                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            }
        }
    }

    /// <summary>Serves until cancelled, which is how a server ends: no failure.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="store">Disposed by the caller.</param>
    /// <param name="started">Called with the first address once it listens.</param>
    /// <param name="cancellationToken">Stops the server.</param>
    public static async Task<int> RunAsync(
        TidemarkOptions options,
        ITelemetryStore store,
        Action<string> started,
        CancellationToken cancellationToken)
    {
        await using var server = TidemarkServer.Create(options, store);
        await StartAsync(server, options.Server.Urls, cancellationToken);
        var url = LocalUrl(server.Urls.First());
        var embedded = options.Store.Kind == StoreKind.DuckDb;
        if (embedded)
        {
            ServerFile.Write(options.Store.Value, url, TidemarkServer.LocalKey(server));
        }

        try
        {
            Terminal.Line($"listening on {string.Join(", ", [.. server.Urls, .. TidemarkServer.MqttAddresses(server)])}; Ctrl+C ends");
            started(url);
            await server.WaitForShutdownAsync(cancellationToken);
        }
        finally
        {
            if (embedded)
            {
                ServerFile.Delete(options.Store.Value);
            }
        }

        return ExitCode.Success;
    }

    /// <summary>An address that means every interface, as this machine reaches it.</summary>
    private static string LocalUrl(string url)
        => url.Replace("://0.0.0.0:", "://127.0.0.1:", StringComparison.Ordinal)
            .Replace("://[::]:", "://127.0.0.1:", StringComparison.Ordinal);

    private static async Task StartAsync(WebApplication server, string urls, CancellationToken cancellationToken)
    {
        try
        {
            await server.StartAsync(cancellationToken);
        }
        catch (IOException e) when (e.Message.Contains("already in use", StringComparison.Ordinal))
        {
            throw new CommandFailedException(
                $"{urls}: the port is in use by another program: stop that, or listen elsewhere with --urls http://127.0.0.1:5001");
        }
        catch (SocketException e)
        {
            throw new CommandFailedException($"can't listen on {urls}: {e.Message}; choose another address with --urls");
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            throw new CommandFailedException($"can't listen on {urls}: {e.Message}");
        }
    }
}
