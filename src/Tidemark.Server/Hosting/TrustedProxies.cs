using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Tidemark.Server.Hosting;

/// <summary>Whose word about a client is taken: a proxy's that is where the configuration says, nobody else's.</summary>
internal static class TrustedProxies
{
    /// <summary>
    /// Makes the client's address and scheme those that a trusted proxy names in <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c>. Of a
    /// list of
    /// addresses the last one counts, which the proxy itself wrote; what stands before it any client may have sent.
    /// </summary>
    public static void UseTrustedProxies(this WebApplication app, IReadOnlyList<IPNetwork> networks)
    {
        if (networks.Count == 0)
        {
            return;
        }

        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = 1
        };
        // Loopback is trusted unless told otherwise.
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in networks)
        {
            options.KnownIPNetworks.Add(network);
        }

        app.UseForwardedHeaders(options);
    }
}
