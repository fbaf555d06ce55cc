using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Lines;

/// <param name="OriginalLine">As sent, at most 200 characters of it.</param>
/// <param name="LineNumber">From 1.</param>
/// <param name="ErrorMessage">What is wrong with it.</param>
internal sealed record LineFault(string OriginalLine, long LineNumber, string ErrorMessage);

/// <summary>An error of versions 1 and 3.</summary>
/// <param name="Error">One line.</param>
/// <param name="Data">The lines that were refused: a list, or the first one alone where nothing is written because of it.</param>
internal sealed record PlainError(
    string Error,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] object? Data = null);

/// <summary>An error of version 2.</summary>
/// <param name="Code">The kind, in that API's words.</param>
/// <param name="Message">One line.</param>
/// <param name="Line">The number of the first line that was refused.</param>
/// <param name="Data">The lines that were refused.</param>
internal sealed record CodedError(
    string Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Line = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<LineFault>? Data = null);

/// <summary>Errors as the clients of each version understand them.</summary>
internal static class ApiErrors
{
    public static Task WriteAsync(HttpResponse response, ApiVersion version, int status, string message)
        => version is ApiVersion.V2
            ? WriteAsync(response, status, new CodedError(Code(status), message))
            : WriteAsync(response, status, new PlainError(message));

    /// <summary>Tells which lines were refused.</summary>
    /// <param name="response">Not begun.</param>
    /// <param name="version">That was asked.</param>
    /// <param name="ingestion">With at least one refused line.</param>
    /// <param name="isWhole">Whether one refused line refuses all.</param>
    public static Task WriteAsync(HttpResponse response, ApiVersion version, LineIngestion ingestion, bool isWhole)
    {
        LineFault[] faults = [.. ingestion.Errors.Select(e => new LineFault(e.Text, e.Number, e.Message))];
        var first = string.Create(CultureInfo.InvariantCulture, $"line {faults[0].LineNumber}: {faults[0].ErrorMessage}");
        var partial = ingestion.Taken > 0
            ? string.Create(CultureInfo.InvariantCulture, $"partial write: {first} dropped={ingestion.Refused}")
            : $"unable to parse or write any line: {first}";
        return version switch
        {
            ApiVersion.V1 => WriteAsync(response, StatusCodes.Status400BadRequest, new PlainError(partial, faults)),
            ApiVersion.V2 when ingestion.Taken > 0 => WriteAsync(
                response,
                StatusCodes.Status422UnprocessableEntity,
                new CodedError(
                    Code(StatusCodes.Status422UnprocessableEntity),
                    $"failure writing points to database: {partial}",
                    faults[0].LineNumber,
                    faults)),
            ApiVersion.V2 => WriteAsync(
                response,
                StatusCodes.Status400BadRequest,
                new CodedError(Code(StatusCodes.Status400BadRequest), partial, faults[0].LineNumber, faults)),
            _ => WriteAsync(
                response,
                StatusCodes.Status400BadRequest,
                isWhole
                    ? new PlainError("parsing failed for write_lp endpoint", faults[0])
                    : new PlainError("partial write of line protocol occurred", faults)),
        };
    }

    private static Task WriteAsync<T>(HttpResponse response, int status, T error)
    {
        response.StatusCode = status;
        if (error is CodedError { Code: var code })
        {
            response.Headers["X-Platform-Error-Code"] = code;
        }

        return response.WriteAsJsonAsync(error, WireJson.Options, "application/json", response.HttpContext.RequestAborted);
    }

    private static string Code(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "unauthorized",
        StatusCodes.Status403Forbidden => "forbidden",
        StatusCodes.Status404NotFound => "not found",
        StatusCodes.Status405MethodNotAllowed => "method not allowed",
        StatusCodes.Status413PayloadTooLarge => "request too large",
        StatusCodes.Status415UnsupportedMediaType => "unsupported media type",
        StatusCodes.Status422UnprocessableEntity => "unprocessable entity",
        StatusCodes.Status429TooManyRequests => "too many requests",
        StatusCodes.Status503ServiceUnavailable or StatusCodes.Status504GatewayTimeout => "unavailable",
        >= 500 => "internal error",
        _ => "invalid",
    };
}
