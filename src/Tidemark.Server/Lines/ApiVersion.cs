using Microsoft.AspNetCore.Http;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Server.Lines;

/// <summary>The versions of InfluxDB's HTTP API whose clients write here.</summary>
internal enum ApiVersion
{
    /// <summary><c>/write</c>, <c>/query</c> and <c>/ping</c>.</summary>
    V1,

    /// <summary><c>/api/v2/write</c>.</summary>
    V2,

    /// <summary><c>/api/v3/write_lp</c>.</summary>
    V3,
}

internal static class ApiVersions
{
    /// <returns>Null for an address of Tidemark's own API.</returns>
    public static ApiVersion? Of(PathString path)
        => path.StartsWithSegments("/api/v2") ? ApiVersion.V2
            : path.StartsWithSegments("/api/v3") ? ApiVersion.V3
            : path.StartsWithSegments("/write") || path.StartsWithSegments("/query") || path.StartsWithSegments("/ping") ? ApiVersion.V1
            : null;

    /// <summary>Of times when the request says none.</summary>
    public static LinePrecision DefaultPrecision(this ApiVersion version)
        => version is ApiVersion.V3 ? LinePrecision.Auto : LinePrecision.Nanoseconds;
}
