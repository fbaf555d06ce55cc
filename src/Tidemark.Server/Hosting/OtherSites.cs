using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tidemark.Configuration;
using Tidemark.Server.Keys;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>
/// Refuses, while no key is asked for, what a page of another site sends to an address that takes any content type: a browser sends that
/// without asking first. A key it does not have.
/// </summary>
internal static class OtherSites
{
    public static TBuilder RefusesOtherSites<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
        => endpoint.AddEndpointFilter<TBuilder>(async (invocation, next) =>
        {
            var context = invocation.HttpContext;
            // Browsers name the site with every POST that leaves it; other clients name none.
            var origin = context.Request.Headers.Origin.ToString();
            return origin.Length == 0 || context.RequestServices.GetRequiredService<Gate>().IsGuarded
                || origin.Equals($"{context.Request.Scheme}://{context.Request.Host}", StringComparison.OrdinalIgnoreCase)
                || context.RequestServices.GetRequiredService<TidemarkOptions>().Server.Cors.Contains(
                    origin,
                    StringComparer.OrdinalIgnoreCase)
                    ? await next(invocation)
                    : throw new RequestException(
                        [$"pages of {origin} can't write here while no key is asked for: make one with tidemark key add, or name it in "
                            + "server:cors"],
                        StatusCodes.Status403Forbidden);
        });
}
