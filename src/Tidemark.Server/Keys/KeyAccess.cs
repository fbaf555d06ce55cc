using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Tidemark.Server.Keys;

/// <summary>Which endpoint needs which scope: reading, unless it says otherwise.</summary>
internal static class KeyAccess
{
    public const string ScopeClaim = "scope";

    public static void AddKeys(this IServiceCollection services)
    {
        services.AddSingleton<Gate>();
        // AddAuthentication would bring data protection as a service that writes into the home folder and warns where there is none.
        services.AddAuthenticationCore(options =>
        {
            options.DefaultScheme = KeyHandler.SchemeName;
            options.AddScheme<KeyHandler>(KeyHandler.SchemeName, null);
        });
        services.AddTransient<KeyHandler>();
        services.AddSessions();
        services.AddWebEncoders();
        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(Requires(Scope.Read))
            .AddPolicy(Scope.Write, Requires(Scope.Write))
            .AddPolicy(Scope.Admin, Requires(Scope.Admin));
    }

    public static TBuilder RequireScope<TBuilder>(this TBuilder endpoints, string scope)
        where TBuilder : IEndpointConventionBuilder
        => endpoints.RequireAuthorization(scope);

    /// <summary>
    /// Whether a request that was let in, and whose answer goes on and on, would be let in now: its key may have been revoked.
    /// </summary>
    public static async Task<bool> IsStillAllowedAsync(HttpContext context)
    {
        try
        {
            var services = context.RequestServices;
            if (!services.GetRequiredService<Gate>().IsGuarded)
            {
                return true;
            }

            var scheme = await services.GetRequiredService<IAuthenticationSchemeProvider>().GetSchemeAsync(KeyHandler.SchemeName);
            var handler = services.GetRequiredService<KeyHandler>();
            await handler.InitializeAsync(scheme!, context);
            var user = (await handler.AuthenticateAsync()).Principal;
            return user is not null && user.HasClaim(c => c.Type == ScopeClaim && c.Value is Scope.Read or Scope.Admin);
        }
        catch (KeyException)
        {
            // A file that can't be read now revokes nothing.
            return true;
        }
    }

    private static AuthorizationPolicy Requires(string scope)
        => new AuthorizationPolicyBuilder(KeyHandler.SchemeName).RequireClaim(ScopeClaim, scope, Scope.Admin).Build();
}
