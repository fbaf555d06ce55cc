using Microsoft.AspNetCore.Builder;
using Microsoft.Net.Http.Headers;
using Tidemark.Server.Series;

namespace Tidemark.Server.Hosting;

/// <summary>Tells browsers which other sites' pages may use the API (CORS): those of the origins that are configured.</summary>
internal static class AllowedSites
{
    private static readonly TimeSpan PreflightAge = TimeSpan.FromHours(1);

    public static void UseAllowedSites(this WebApplication app, IReadOnlyList<string> origins)
    {
        if (origins.Count > 0)
        {
            app.UseCors(policy => policy
                .WithOrigins([.. origins])
                .AllowAnyMethod()
                .WithHeaders(HeaderNames.Authorization, HeaderNames.ContentType, HeaderNames.IfNoneMatch, "Last-Event-ID")
                .WithExposedHeaders(HeaderNames.ETag, HeaderNames.RetryAfter, SeriesEndpoint.SourceHeader, SeriesEndpoint.BucketHeader)
                .SetPreflightMaxAge(PreflightAge));
        }
    }
}
