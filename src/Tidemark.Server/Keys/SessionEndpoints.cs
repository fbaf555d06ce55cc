using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Keys;

/// <param name="Guarded">Whether this server asks for a key.</param>
/// <param name="Name">The name of the key that the session was begun with; null without a session.</param>
public sealed record SessionAnswer(bool Guarded, string? Name);

/// <param name="Key">The API key.</param>
public sealed record SessionRequest([property: JsonRequired] string Key);

internal static class SessionEndpoints
{
    private const string Path = "/api/session";
    private const int LargestBody = 4096;

    public static void MapSession(this IEndpointRouteBuilder app)
    {
        app.MapGet(Path, ReadAsync)
            .AllowAnonymous()
            .Describe("Keys", "Whose session it is", "Whether a key is asked for, and the name of the session's key.");
        app.MapPost(Path, BeginAsync)
            .AllowAnonymous()
            .WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .Describe(
                "Keys",
                "Begins a session",
                "Takes a key with the scope read and sets a cookie (HttpOnly, SameSite=Strict, 30 days) that may read.")
            .Produces<SessionAnswer>();
        app.MapDelete(Path, (Delegate)EndAsync)
            .AllowAnonymous()
            .Describe("Keys", "Ends the session", "Takes the cookie away.")
            .Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<SessionAnswer> ReadAsync(HttpContext context, Gate gate)
    {
        context.Response.Headers.CacheControl = "no-store";
        return new SessionAnswer(gate.IsGuarded, gate.IsGuarded ? (await Sessions.FindKeyAsync(context, gate.Keys))?.Name : null);
    }

    /// <summary>The body is JSON, which no page of another site can make a browser send.</summary>
    private static async Task<IResult> BeginAsync(SessionRequest request, HttpContext context, Gate gate)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (!gate.IsGuarded)
        {
            return Results.Ok(new SessionAnswer(false, null));
        }

        if (gate.Keys.Find(request.Key.Trim()) is not { } key)
        {
            return gate.MayTryAgain(context.Connection.RemoteIpAddress)
                ? Refuse(StatusCodes.Status401Unauthorized, KeyHandler.WrongKey)
                : TooMany(context);
        }

        if (!key.MayRead)
        {
            return Refuse(
                StatusCodes.Status403Forbidden,
                $"the key '{key.Name}' is for {string.Join(" and ", key.Scopes)} only: the page needs one with the scope read");
        }

        await Sessions.BeginAsync(context, key);
        return Results.Ok(new SessionAnswer(true, key.Name));
    }

    private static async Task<IResult> EndAsync(HttpContext context)
    {
        await Sessions.EndAsync(context);
        return Results.NoContent();
    }

    private static IResult TooMany(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "60";
        return Refuse(StatusCodes.Status429TooManyRequests, KeyHandler.TooManyKeys);
    }

    private static IResult Refuse(int status, string error)
        => Results.Json(Problem.Of(status, error), WireJson.Options, Problem.ContentType, status);
}
