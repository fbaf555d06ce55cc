using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Tidemark.Server.Lines;

namespace Tidemark.Server.Wire;

/// <summary>Why a request failed, as problem details (RFC 9457); clients of InfluxDB get it in the words of their API.</summary>
/// <param name="Type">Always <c>about:blank</c>: the status says the kind.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">The same as <paramref name="Error"/>.</param>
/// <param name="Error">Everything that is wrong, in one line.</param>
/// <param name="Errors">Every fault by itself.</param>
/// <param name="Kind">The store's kind of error, where a store refused.</param>
public sealed record Problem(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Error,
    IReadOnlyList<string> Errors,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StoreErrorKind? Kind = null)
{
    public const string ContentType = "application/problem+json";

    private const string RetryAfterSeconds = "5";

    internal static Problem Of(int status, string error, IReadOnlyList<string>? errors = null, StoreErrorKind? kind = null)
        => new("about:blank", ReasonPhrases.GetReasonPhrase(status), status, error, error, errors ?? [error], kind);

    internal static Problem Of(RequestException error) => Of(error.Status, error.Message, error.Errors);

    internal static Problem Of(StoreException error) => Of(StatusOf(error.Kind), error.Message, kind: error.Kind);

    internal static int StatusOf(StoreErrorKind kind) => kind switch
    {
        StoreErrorKind.UnknownSensor or StoreErrorKind.UnknownAggregate => StatusCodes.Status404NotFound,
        StoreErrorKind.Invalid or StoreErrorKind.OlderThanRetention => StatusCodes.Status400BadRequest,
        _ => StatusCodes.Status503ServiceUnavailable,
    };

    internal Task WriteAsync(HttpResponse response)
    {
        response.StatusCode = Status;
        if (Status == StatusCodes.Status503ServiceUnavailable)
        {
            response.Headers.RetryAfter = RetryAfterSeconds;
        }

        return ApiVersions.Of(response.HttpContext.Request.Path) is { } version
            ? ApiErrors.WriteAsync(response, version, Status, Error)
            : response.WriteAsJsonAsync(this, WireJson.Options, ContentType, response.HttpContext.RequestAborted);
    }
}
