using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tidemark.Server.Keys;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>
/// Answers, while no key is asked for, only under names that mean this server. Otherwise a page whose own name is made to point to this
/// machine
/// could read and write here as if it came from the server. With keys it could not: it has none.
/// </summary>
internal static class KnownHosts
{
    public static void UseKnownHosts(this WebApplication app, IReadOnlyList<string> configured)
    {
        var gate = app.Services.GetRequiredService<Gate>();
        var known = new HashSet<string>(["localhost", "127.0.0.1", "[::1]", .. configured], StringComparer.OrdinalIgnoreCase);
        app.Use((context, next) =>
        {
            var host = context.Request.Host;
            // A browser always names one.
            if (!host.HasValue || known.Contains(host.Host) || gate.IsGuarded)
            {
                return next(context);
            }

            throw new RequestException(
                [$"this server does not answer for '{host.Host}': add that to server:hosts (TIDEMARK_SERVER__HOSTS), make a key with "
                    + "tidemark key add, or ask for localhost"],
                StatusCodes.Status421MisdirectedRequest);
        });
    }
}
