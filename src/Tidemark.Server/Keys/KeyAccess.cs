using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
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

    private static AuthorizationPolicy Requires(string scope)
        => new AuthorizationPolicyBuilder(KeyHandler.SchemeName).RequireClaim(ScopeClaim, scope, Scope.Admin).Build();
}
