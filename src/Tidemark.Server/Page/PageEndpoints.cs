using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Tidemark.Server.Page;

/// <summary>The page for people at <c>/</c>. It holds no readings: what it shows it asks for over the API.</summary>
internal static class PageEndpoints
{
    // A browser asks each time whether the page is still the same, and never again for a file of it.
    private const string Revalidate = "no-cache";
    private const string ForGood = "public, max-age=31536000, immutable";

    public static void AddPage(this IServiceCollection services) => services.AddSingleton<PageFiles>();

    public static void MapPage(this IEndpointRouteBuilder app)
        => app.MapGet("/page/{version}/{name}", WriteFileAsync).AllowAnonymous().ExcludeFromDescription();

    /// <summary>Whether the page is wanted at an address that answers JSON too: browsers name HTML, other clients anything.</summary>
    public static bool IsWanted(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        return QualityOf("text/html") is var html and > 0 && html > QualityOf("application/json");

        double QualityOf(string type)
            => accepted.Where(a => a.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Max(a => a.Quality ?? (double?)1) ?? 0;
    }

    public static Task WriteIndexAsync(HttpContext context)
        => context.RequestServices.GetRequiredService<PageFiles>().Index.WriteAsync(context, Revalidate);

    private static Task WriteFileAsync(string version, string name, HttpContext context, PageFiles files)
    {
        if (version == files.Version && files.Find(name) is { } file)
        {
            return file.WriteAsync(context, ForGood);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
