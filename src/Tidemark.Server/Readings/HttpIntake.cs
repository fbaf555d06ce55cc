using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Readings;

/// <summary>Counts what comes over HTTP by each way, and keeps the last hundred requests that were refused.</summary>
internal sealed class HttpIntake(TimeProvider clock)
{
    private const int Most = 100;
    private const int LongestError = 400;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, HttpWay> _ways = new(StringComparer.Ordinal);
    private readonly Queue<RefusedRequest> _last = new();

    /// <summary>Null while nothing has come.</summary>
    public HttpIntakeStatus? Status
    {
        get
        {
            lock (_lock)
            {
                return _ways.Count == 0 ? null : new HttpIntakeStatus([.. _ways.Values], [.. _last.Reverse()]);
            }
        }
    }

    /// <param name="context">The request.</param>
    /// <param name="readings">Those that are durable.</param>
    /// <param name="error">The first fault; null when there is none.</param>
    public void Note(HttpContext context, long readings, string? error)
    {
        // One of few: an endpoint is known by its route.
        var path = context.Request.Path.ToString();
        lock (_lock)
        {
            var way = _ways.GetValueOrDefault(path) ?? new HttpWay(path, 0, 0, 0);
            _ways[path] = way with
            {
                Requests = way.Requests + 1,
                Readings = way.Readings + readings,
                Refused = way.Refused + (error is null ? 0 : 1),
            };
            if (error is not null)
            {
                _last.Enqueue(new RefusedRequest(
                    Instant.From(clock.GetUtcNow()), path, $"{context.Connection.RemoteIpAddress}", Shorten(error)));
                if (_last.Count > Most)
                {
                    _last.Dequeue();
                }
            }
        }
    }

    private static string Shorten(string text)
        => string.Concat((text.Length <= LongestError ? text : text[..LongestError] + "…").Select(c => char.IsControl(c) ? '�' : c));
}

internal static class CountedIntake
{
    /// <summary>Counts requests that are refused as a whole; the endpoint counts the others.</summary>
    public static TBuilder CountsRefusals<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
        => endpoint.AddEndpointFilter<TBuilder>(async (invocation, next) =>
        {
            try
            {
                return await next(invocation);
            }
            catch (RequestException e)
            {
                invocation.HttpContext.RequestServices.GetRequiredService<HttpIntake>().Note(invocation.HttpContext, 0, e.Message);
                throw;
            }
        });
}
