using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Tidemark.Server.Hosting;

internal static class LineLogging
{
    /// <summary>One line an event, in UTC, on standard error: standard output belongs to the command.</summary>
    public static void ConfigureForPeople(this ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.AddFilter("Microsoft", LogLevel.Warning);
        // A start that fails is thrown to the command, which says it in one line.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        // A request without a valid key is the client's matter; too many of them are answered as such.
        logging.AddFilter("Tidemark.Server.Keys", LogLevel.Warning);
        // A body that breaks off and the like: the client knows, the answer said it.
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error);
        // A request that took too long is told in one line, without where it stood.
        logging.AddFilter("Microsoft.AspNetCore.Http.Timeouts", LogLevel.Error);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss'Z' ";
        });
    }
}
