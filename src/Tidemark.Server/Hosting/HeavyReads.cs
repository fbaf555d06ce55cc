using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Tidemark.Configuration;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>Reads of ranges run so many at once; others wait in order, and beyond those that may wait they are answered 503.</summary>
internal static class HeavyReads
{
    private const string Policy = "heavy";

    public static void AddHeavyReads(this IServiceCollection services, ServerOptions options) => services.AddRateLimiter(limiter =>
    {
        limiter.AddConcurrencyLimiter(Policy, heavy =>
        {
            heavy.PermitLimit = options.HeavyReads;
            heavy.QueueLimit = options.WaitingReads;
            heavy.QueueProcessingOrder = QueueProcessingOrder.OldestFirst;
        });
        limiter.OnRejected = async (rejected, _) => await Problem
            .Of(
                StatusCodes.Status503ServiceUnavailable,
                "too many ranges are read at once: try again soon, or raise server:heavy_reads or server:waiting_reads")
            .WriteAsync(rejected.HttpContext.Response);
    });

    public static TBuilder IsHeavy<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
        => endpoint.RequireRateLimiting(Policy);
}
