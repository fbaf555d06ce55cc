using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tidemark.Server.Keys;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <summary>Turns every failure into problem details; once an answer has begun, into a broken connection.</summary>
internal static partial class ProblemAnswers
{
    public static void UseProblemAnswers(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Tidemark.Http");
        var maxBody = app.Services.GetRequiredService<Configuration.TidemarkOptions>().Server.MaxBody;
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
                await AnswerAsync(context, e, maxBody, logger);
                return;
            }

            if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null })
            {
                await Problem.Of(context.Response.StatusCode, Explain(context)).WriteAsync(context.Response);
            }
        });
    }

    private static async Task AnswerAsync(HttpContext context, Exception error, long maxBody, ILogger logger)
    {
        var problem = error switch
        {
            RequestException e => Problem.Of(e),
            StoreException e => Problem.Of(e),
            KeyException e => Problem.Of(StatusCodes.Status503ServiceUnavailable, e.Message),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Problem.Of(
                413,
                $"the body is larger than {Configuration.TypedText.Format(maxBody)}, the limit server:max_body"),
            BadHttpRequestException e => Problem.Of(e.StatusCode, e.Message),
            _ => Problem.Of(StatusCodes.Status500InternalServerError, "the server failed; its log says why"),
        };
        if (problem.Status >= 500)
        {
            LogFailed(
                logger,
                context.Request.Method,
                context.Request.Path,
                error is RequestException or StoreException or KeyException ? error.Message : error.ToString());
        }

        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        await problem.WriteAsync(context.Response);
    }

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
