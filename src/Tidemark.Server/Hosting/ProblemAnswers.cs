using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tidemark.Configuration;
using Tidemark.Server.Keys;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>Turns every failure into problem details; once an answer has begun, into a broken connection.</summary>
internal static partial class ProblemAnswers
{
    public static void UseProblemAnswers(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Tidemark.Http");
        var limits = app.Services.GetRequiredService<TidemarkOptions>().Server;
        app.Use(async (context, next) =>
        {
            try
            {
                await next(context);
            }
            catch (Exception) when (context.RequestAborted.IsCancellationRequested)
            {
                LogCancelled(logger, context.Request.Method, context.Request.Path);
                return;
            }
            catch (Exception e)
            {
                await AnswerAsync(context, e, limits, logger);
                return;
            }

            if (context.Response is { StatusCode: StatusCodes.Status504GatewayTimeout, HasStarted: false })
            {
                await AnswerAsync(context, new OperationCanceledException(), limits, logger);
            }
            else if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null })
            {
                await Problem.Of(context.Response.StatusCode, Explain(context)).WriteAsync(context.Response);
            }
        });
    }

    private static async Task AnswerAsync(HttpContext context, Exception error, ServerOptions limits, ILogger logger)
    {
        var problem = error switch
        {
            RequestException e => Problem.Of(e),
            StoreException e => Problem.Of(e),
            KeyException e => Problem.Of(StatusCodes.Status503ServiceUnavailable, e.Message),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Problem.Of(
                StatusCodes.Status413PayloadTooLarge,
                $"the body is larger than {TypedText.Format(limits.MaxBody)}, the limit server:max_body"),
            BadHttpRequestException e => Problem.Of(e.StatusCode, e.Message),
            // The client is still there: the server stops, or the time was up.
            OperationCanceledException when IsStopping(context) => Problem.Of(
                StatusCodes.Status503ServiceUnavailable,
                "the server stops: ask again when it is back"),
            OperationCanceledException => Problem.Of(
                StatusCodes.Status504GatewayTimeout,
                $"the request took longer than {TypedText.Format(limits.RequestTimeout ?? TimeSpan.Zero)}, the limit "
                    + "server:request_timeout: ask for less at once"),
            _ => Problem.Of(StatusCodes.Status500InternalServerError, "the server failed; its log says why"),
        };
        if (problem.Status >= 500)
        {
            var unknown = problem.Status == StatusCodes.Status500InternalServerError;
            LogFailed(logger, context.Request.Method, context.Request.Path, unknown ? error.ToString() : problem.Error);
        }

        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        await problem.WriteAsync(context.Response);
    }

    private static bool IsStopping(HttpContext context)
        => context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested;

    private static string Explain(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"there is nothing at {context.Request.Path}; GET / lists what there is",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Method} is not allowed here, only {context.Response.Headers.Allow}",
        StatusCodes.Status415UnsupportedMediaType => $"content type '{context.Request.ContentType}' is not supported here",
        var status => $"the request failed with status {status}",
    };

    [LoggerMessage(EventId = 100, Level = LogLevel.Debug, Message = "{Method} {Path} was given up by the client")]
    private static partial void LogCancelled(ILogger logger, string method, string path);

    [LoggerMessage(EventId = 101, Level = LogLevel.Error, Message = "{Method} {Path} failed: {Error}")]
    private static partial void LogFailed(ILogger logger, string method, string path, string error);
}
