using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>The request can't be answered as it is: every fault found, one line each.</summary>
/// <param name="errors">At least one.</param>
/// <param name="status">400 unless the fault has a status of its own.</param>
/// <param name="summary">All of them in one line; the errors themselves unless there may be many.</param>
internal sealed class RequestException(IReadOnlyList<string> errors, int status = StatusCodes.Status400BadRequest, string? summary = null)
    : Exception(summary ?? string.Join("; ", errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;

    public int Status { get; } = status;

    public static void ThrowIfAny(IReadOnlyList<string> errors)
    {
        if (errors.Count > 0)
        {
            throw new RequestException(errors);
        }
    }
}
