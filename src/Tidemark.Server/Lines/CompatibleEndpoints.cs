using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tidemark.Server.Keys;
using Tidemark.Server.Status;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Lines;

/// <summary>What clients of InfluxDB ask before they write: whether a server is there, and for a database of their name.</summary>
internal static partial class CompatibleEndpoints
{
    /// <summary>The one store, as the name of a database.</summary>
    private const string Database = "tidemark";

    private const string Version = "X-Influxdb-Version";
    private const string Build = "X-Influxdb-Build";

    public static void MapCompatible(this IEndpointRouteBuilder app)
    {
        app.MapGet("/ping", Ping).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/health", CheckAsync).AllowAnonymous().ExcludeFromDescription();
        app.MapMethods("/query", [HttpMethods.Get, HttpMethods.Post], QueryAsync).RequireScope(Scope.Write).ExcludeFromDescription();
    }

    private static IResult Ping(HttpContext context, bool? verbose)
    {
        context.Response.Headers[Version] = StatusEndpoints.Version;
        context.Response.Headers[Build] = "Tidemark";
        return verbose == true ? Results.Ok(new { version = StatusEndpoints.Version }) : Results.NoContent();
    }

    private static async Task<IResult> CheckAsync(ITelemetryStore store, TimeProvider clock, CancellationToken cancellationToken)
    {
        var fault = await StatusEndpoints.FindFaultAsync(store, Instant.From(clock.GetUtcNow()), cancellationToken);
        return Results.Json(
            new
            {
                name = "influxdb",
                message = fault ?? "ready for writes",
                status = fault is null ? "pass" : "fail",
                version = StatusEndpoints.Version,
            },
            WireJson.Options,
            statusCode: fault is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> QueryAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string? query = context.Request.Query["q"];
        if (query is null && context.Request.HasFormContentType)
        {
            query = (await context.Request.ReadFormAsync(cancellationToken))["q"];
        }

        var statements = (query ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (statements.Length == 0)
        {
            throw new RequestException(["missing required parameter \"q\""]);
        }

        context.Response.Headers[Version] = StatusEndpoints.Version;
        return Results.Json(new { results = statements.Select(Answer).ToList() }, WireJson.Options);
    }

    private static object Answer(string statement, int number)
    {
        if (CreateDatabase().IsMatch(statement))
        {
            return new { statement_id = number };
        }

        if (!ShowDatabases().IsMatch(statement))
        {
            throw new RequestException(["only CREATE DATABASE and SHOW DATABASES are answered here; read by GET /api/sensors/{id}/raw"]);
        }

        string[] columns = ["name"];
        string[][] values = [[Database]];
        return new { statement_id = number, series = new[] { new { name = "databases", columns, values } } };
    }

    [GeneratedRegex(@"^create\s+database\s+\S", RegexOptions.IgnoreCase)]
    private static partial Regex CreateDatabase();

    [GeneratedRegex(@"^show\s+databases$", RegexOptions.IgnoreCase)]
    private static partial Regex ShowDatabases();
}
