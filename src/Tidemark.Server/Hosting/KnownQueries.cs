using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Hosting;

/// <param name="Name">What an endpoint takes in its query.</param>
internal sealed record QueryName(string Name);

/// <summary>
/// Refuses names in a query that the endpoint doesn't take: a mistyped one would otherwise be answered as if it were not there.
/// </summary>
internal static class KnownQueries
{
    public static void UseKnownQueries(this WebApplication app) => app.Use((context, next) =>
    {
        // The page at /docs and its files have no summary, and their own ways.
        if (context.Request.QueryString.HasValue && context.GetEndpoint() is { } endpoint
            && endpoint.Metadata.GetMetadata<IEndpointSummaryMetadata>() is not null)
        {
            var known = endpoint.Metadata.GetOrderedMetadata<QueryName>().Select(q => q.Name).ToList();
            var there = known.Count == 0
                ? "this address takes none"
                : $"there {(known.Count == 1 ? "is" : "are")} {string.Join(", ", known)}";
            RequestException.ThrowIfAny(
                [.. context.Request.Query.Keys.Where(k => !known.Contains(k, StringComparer.OrdinalIgnoreCase))
                    .Select(k => $"there is no query parameter '{k}'; {there}")]);
        }

        return next(context);
    });

    public static TBuilder TakesQuery<TBuilder>(this TBuilder endpoint, params string[] names)
        where TBuilder : IEndpointConventionBuilder
        => endpoint.WithMetadata([.. names.Select(n => new QueryName(n))]);
}
