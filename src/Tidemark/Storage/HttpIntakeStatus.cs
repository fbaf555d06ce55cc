namespace Tidemark.Storage;

/// <summary>How readings come over HTTP, since the server's start.</summary>
/// <param name="Ways">By address, those that were used.</param>
/// <param name="LastRefused">The last hundred requests that were refused in whole or in part, the newest first.</param>
public sealed record HttpIntakeStatus(IReadOnlyList<HttpWay> Ways, IReadOnlyList<RefusedRequest> LastRefused);

/// <param name="Path">Where they are sent to.</param>
/// <param name="Requests">How many came.</param>
/// <param name="Readings">Readings of them that are durable.</param>
/// <param name="Refused">Requests that were refused, in whole or in part.</param>
public sealed record HttpWay(string Path, long Requests, long Readings, long Refused);

/// <param name="Time">When it was answered.</param>
/// <param name="Path">Where it was sent to.</param>
/// <param name="From">The client's address.</param>
/// <param name="Error">The first fault, in one line.</param>
public sealed record RefusedRequest(Instant Time, string Path, string From, string Error);
