using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tidemark.Configuration;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Keys;

/// <summary>Who may come in, for as long as a server runs.</summary>
internal sealed partial class Gate(TidemarkOptions options, ILogger<Gate> logger) : IDisposable
{
    private const int WrongKeysPerMinute = 20;

    private readonly Lock _counting = new();

    private readonly byte[] _local = RandomNumberGenerator.GetBytes(32);

    private readonly PartitionedRateLimiter<string> _wrongKeys = PartitionedRateLimiter.Create<string, string>(address => RateLimitPartition
        .GetFixedWindowLimiter(
            address, _ => new FixedWindowRateLimiterOptions { PermitLimit = WrongKeysPerMinute, Window = TimeSpan.FromMinutes(1) }));

    private readonly bool _guarded = !new KeyFile(options.Server.Keys).IsEmpty;

    public KeyFile Keys { get; } = new(options.Server.Keys);

    /// <summary>
    /// Whether a key is asked for: when there were keys at the start or are now, so that revoking the last one opens nothing.
    /// </summary>
    public bool IsGuarded => _guarded || !Keys.IsEmpty;

    /// <summary>
    /// The key of this machine's command line, told by a file that the server's owner alone may read; new with every start.
    /// </summary>
    public string LocalKey => Convert.ToHexStringLower(_local);

    public bool IsLocal(string token)
        => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(LocalKey));

    /// <summary>
    /// Counts a wrong key; false when there were too many from there. The first of a minute and the last allowed one are logged.
    /// </summary>
    public bool MayTryAgain(IPAddress? address)
    {
        address = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
        var customer = Customer(address);
        lock (_counting)
        {
            using var lease = _wrongKeys.AttemptAcquire(customer);
            switch (lease.IsAcquired, _wrongKeys.GetStatistics(customer)?.CurrentAvailablePermits)
            {
                case (true, WrongKeysPerMinute - 1):
                    LogWrong(address);
                    break;
                case (true, 0):
                    LogTooMany(WrongKeysPerMinute, address);
                    break;
            }

            return lease.IsAcquired;
        }
    }

    [LoggerMessage(EventId = 300, Level = LogLevel.Warning, Message = "a key that is wrong or revoked came from {Address}")]
    private partial void LogWrong(IPAddress? address);

    [LoggerMessage(
        EventId = 301,
        Level = LogLevel.Warning,
        Message = "{Count} wrong keys came from {Address}: more of this minute are answered 429")]
    private partial void LogTooMany(int count, IPAddress? address);

    /// <summary>Who has an address: of IPv6, one customer has at least a /64, and may use any of it.</summary>
    private static string Customer(IPAddress? address)
        => address is { AddressFamily: AddressFamily.InterNetworkV6 } ? Convert.ToHexString(address.GetAddressBytes(), 0, 8) : $"{address}";

    public void Dispose() => _wrongKeys.Dispose();
}

/// <summary>Asks for a key, where the server is guarded.</summary>
internal sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, Gate gate)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Bearer";
    public const string WrongKey = "the key is not valid: it was mistyped or revoked";
    public const string TooManyKeys = "too many wrong keys came from there: try again in a minute";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!gate.IsGuarded)
        {
            return Success("anybody", [Scope.Admin]);
        }

        if (SentKey.Find(Request) is not { } token)
        {
            // A session of the page reads, whatever its key may do besides.
            return await Sessions.FindKeyAsync(Context, gate.Keys) is { } begun
                ? Success(begun.Name, [Scope.Read])
                : AuthenticateResult.NoResult();
        }

        if (gate.Keys.Find(token) is { } key)
        {
            return Success(key.Name, key.Scopes);
        }

        return gate.IsLocal(token)
            ? Success("command line", [Scope.Admin])
            : AuthenticateResult.Fail(WrongKey);
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var wrong = (await HandleAuthenticateOnceSafeAsync()).Failure;
        if (wrong is not null && !gate.MayTryAgain(Context.Connection.RemoteIpAddress))
        {
            Response.Headers.RetryAfter = "60";
            await Problem.Of(StatusCodes.Status429TooManyRequests, TooManyKeys)
                .WriteAsync(Response);
            return;
        }

        Response.Headers.WWWAuthenticate = wrong is null ? SchemeName : $"{SchemeName} error=\"invalid_token\"";
        await Problem.Of(
            StatusCodes.Status401Unauthorized,
            wrong?.Message ?? "this server asks for a key: send Authorization: Bearer KEY; tidemark key add makes one").WriteAsync(
                Response);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var scopes = Context.User.FindAll(KeyAccess.ScopeClaim).Select(c => c.Value);
        return Problem.Of(StatusCodes.Status403Forbidden, $"the key '{Context.User.Identity?.Name}' is for {string.Join(" and ", scopes)} "
            + $"only, which does not allow {Request.Method} {Request.Path}")
            .WriteAsync(Response);
    }

    private AuthenticateResult Success(string name, IReadOnlyList<string> scopes)
    {
        var identity = new ClaimsIdentity(
            [new Claim(ClaimTypes.Name, name), .. scopes.Select(s => new Claim(KeyAccess.ScopeClaim, s))],
            SchemeName);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }
}
