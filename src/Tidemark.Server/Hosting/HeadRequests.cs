using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Hosting;

/// <summary>HEAD answers what GET does: the endpoint is run for it, and the server sends the head alone.</summary>
internal static class HeadRequests
{
    private static readonly object Key = new();

    /// <summary>For endpoints whose answers don't end.</summary>
    public static bool IsHead(HttpContext context) => context.Items.ContainsKey(Key);

    public static void UseHeadRequests(this WebApplication app) => app.Use(async (context, next) =>
    {
        var isHead = HttpMethods.IsHead(context.Request.Method);
        if (isHead)
        {
            context.Request.Method = HttpMethods.Get;
            context.Items[Key] = true;
        }

        try
        {
            await next(context);
        }
        finally
        {
            context.Request.Method = isHead ? HttpMethods.Head : context.Request.Method;
        }

        if (context.Response is { StatusCode: StatusCodes.Status405MethodNotAllowed, HasStarted: false }
            && context.Response.Headers.Allow == HttpMethods.Get)
        {
            context.Response.Headers.Allow = $"{HttpMethods.Get}, {HttpMethods.Head}";
        }
    });
}
