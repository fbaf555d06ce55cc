using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.DependencyInjection;
using Tidemark.Configuration;

namespace Tidemark.Server.Hosting;

/// <summary>
/// Ends requests that take too long, from their arrival to the last byte that the client took, the wait for their turn included.
/// </summary>
internal static class RequestTimeouts
{
    public static void AddRequestTimeouts(this IServiceCollection services, ServerOptions options)
        => services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = options.RequestTimeout });

    public static void UseTimeouts(this WebApplication app)
    {
        app.UseRequestTimeouts();
        app.Use(async (context, next) =>
        {
            await next(context);
            if (!context.Response.HasStarted)
            {
                // Who was still waiting for a turn comes back without a word.
                context.RequestAborted.ThrowIfCancellationRequested();
            }
        });
    }
}
