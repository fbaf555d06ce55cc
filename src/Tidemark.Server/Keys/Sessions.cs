using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tidemark.Configuration;

namespace Tidemark.Server.Keys;

/// <summary>
/// Sessions of the page: a cookie that the framework encrypts says which key was given. It is not the key, so that who finds it can read
/// for a month at most and never write. Each request asks whether the key is still there.
/// </summary>
internal static partial class Sessions
{
    public const string SchemeName = "Session";
    public const string CookieName = "tidemark_session";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);

    public static void AddSessions(this IServiceCollection services)
    {
        services.Configure<AuthenticationOptions>(schemes => schemes.AddScheme<CookieAuthenticationHandler>(SchemeName, null));
        services.AddTransient<CookieAuthenticationHandler>();
        services.AddSingleton<IPostConfigureOptions<CookieAuthenticationOptions>, PostConfigureCookieAuthenticationOptions>();
        // Made with the first session: a server without keys writes nothing.
        services.AddSingleton<IDataProtectionProvider>(s => OpenProtection(
            $"{Path.GetFullPath(s.GetRequiredService<TidemarkOptions>().Server.Keys)}.sessions",
            s.GetRequiredService<ILoggerFactory>().CreateLogger("Tidemark.Keys")));
        services.AddOptions<CookieAuthenticationOptions>(SchemeName).Configure<TimeProvider>((session, clock) =>
        {
            session.Cookie.Name = CookieName;
            session.Cookie.HttpOnly = true;
            session.Cookie.SameSite = SameSiteMode.Strict;
            session.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            session.ExpireTimeSpan = Lifetime;
            session.TimeProvider = clock;
        });
    }

    public static Task BeginAsync(HttpContext context, ApiKey key)
    {
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, key.Id)], SchemeName);
        return context.SignInAsync(SchemeName, new ClaimsPrincipal(identity), new AuthenticationProperties { IsPersistent = true });
    }

    public static Task EndAsync(HttpContext context) => context.SignOutAsync(SchemeName);

    /// <returns>The key that the request's session was begun with, if it still opens what the page reads.</returns>
    public static async Task<ApiKey?> FindKeyAsync(HttpContext context, KeyFile keys)
        => context.Request.Cookies.ContainsKey(CookieName)
            && (await context.AuthenticateAsync(SchemeName)).Principal?.FindFirstValue(ClaimTypes.NameIdentifier) is { } id
            && keys.Get(id) is { MayRead: true } key
                ? key
                : null;

    /// <summary>What encrypts cookies lies beside the keys. Where nothing can be written there, sessions end with the server.</summary>
    private static IDataProtectionProvider OpenProtection(string folder, ILogger logger)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            var probe = Path.Combine(folder, "writable");
            new FileStream(probe, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
            return DataProtectionProvider.Create(new DirectoryInfo(folder));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogForgets(logger, e.Message);
            return new EphemeralDataProtectionProvider();
        }
    }

    [LoggerMessage(EventId = 302, Level = LogLevel.Information, Message = "sessions of the page end with this server: {Reason}")]
    private static partial void LogForgets(ILogger logger, string reason);
}
