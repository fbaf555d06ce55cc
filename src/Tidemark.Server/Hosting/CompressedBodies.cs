using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RequestDecompression;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>Unpacks bodies that come compressed; the limit of a body holds for what it unpacks to.</summary>
internal static class CompressedBodies
{
    private const string Taken = "gzip, deflate";

    // Brotli's decoder tells of a broken body by an exception that could be anything.
    public static void AddCompressedBodies(this IServiceCollection services) => services.AddRequestDecompression(bodies =>
    {
        bodies.DecompressionProviders.Remove("br");
        bodies.DecompressionProviders["x-gzip"] = bodies.DecompressionProviders["gzip"];
    });

    public static void UseCompressedBodies(this WebApplication app)
    {
        var known = app.Services.GetRequiredService<IOptions<RequestDecompressionOptions>>().Value.DecompressionProviders;
        app.Use(async (context, next) =>
        {
            var encoding = context.Request.Headers.ContentEncoding.ToString();
            if (encoding.Length > 0 && !known.ContainsKey(encoding) && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            {
                context.Response.OnStarting(() =>
                {
                    context.Response.Headers.AcceptEncoding = Taken;
                    return Task.CompletedTask;
                });
                throw new RequestException(
                    [$"content encoding '{encoding}' is not supported; send {Taken} or none"], StatusCodes.Status415UnsupportedMediaType);
            }

            if (known.ContainsKey(encoding))
            {
                // It is that of what came packed: nobody knows yet how long the body is.
                context.Request.ContentLength = null;
            }

            try
            {
                await next(context);
            }
            catch (InvalidDataException) when (encoding.Length > 0)
            {
                throw new RequestException([$"the body is not valid {encoding}, or not all of it arrived"]);
            }
        });
        app.UseRequestDecompression();
    }
}
